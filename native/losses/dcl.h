#pragma once

#include <ATen/ATen.h>

#include <optional>
#include <string>

namespace contrastive::losses {

// Decoupled contrastive loss, mean over all rows: NT-Xent without the positive in the denominator.
// Source: Yeh et al. 2022, arXiv:2110.06848, eq. 6 (L_DC).
// features: floating (batch, views ≥ 2, dim). The rest as in LossInputs and LossOptions. Returns ().
at::Tensor dcl_loss(const at::Tensor& features, const std::optional<at::Tensor>& ids,
                    const std::optional<at::Tensor>& bank, const std::optional<at::Tensor>& bank_ids,
                    const std::optional<at::Tensor>& learned_temperature, double temperature,
                    const std::string& anchors, double loss_scale, bool normalize, int64_t block);

// The same with positives weighted by 2 − exp(z_i·z_p/σ) / mean exp(z_i·z_p/σ), the mean over all positive pairs.
// Source: Yeh et al. 2022, L_DCW with its negative von Mises-Fisher weights, which have a gradient where
// `weight_gradient`.
at::Tensor dclw_loss(const at::Tensor& features, const std::optional<at::Tensor>& ids,
                     const std::optional<at::Tensor>& bank, const std::optional<at::Tensor>& bank_ids,
                     const std::optional<at::Tensor>& learned_temperature, double temperature,
                     const std::string& anchors, double sigma, double loss_scale, bool normalize, bool weight_gradient,
                     int64_t block);

}  // namespace contrastive::losses
