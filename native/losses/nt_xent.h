#pragma once

#include <ATen/ATen.h>

#include <optional>
#include <string>

namespace contrastive::losses {

// Normalised temperature-scaled cross entropy, mean over all rows: the other views of a sample are its positives.
// Source: Chen et al. 2020, arXiv:2002.05709, eq. 1; more than two views: Khosla et al. 2020, eq. 2.
// features: floating (batch, views ≥ 2, dim). The rest as in LossInputs and LossOptions. Returns ().
at::Tensor nt_xent_loss(const at::Tensor& features, const std::optional<at::Tensor>& ids,
                        const std::optional<at::Tensor>& bank, const std::optional<at::Tensor>& bank_ids,
                        const std::optional<at::Tensor>& learned_temperature, double temperature,
                        const std::string& anchors, double concentration, double class_prior, double loss_scale,
                        bool normalize, int64_t block);

}  // namespace contrastive::losses
