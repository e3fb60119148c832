#pragma once

#include <ATen/ATen.h>

#include <optional>
#include <string>
#include <tuple>

namespace contrastive::losses {

// Supervised contrastive loss: contrastive_loss() with all its options, as LossInputs and LossOptions describe them.
// Source: Khosla et al. 2020, arXiv:2004.11362, eq. 2 ("out") and eq. 3 ("in").
std::tuple<at::Tensor, at::Tensor> sup_con_loss(
    const at::Tensor& features, const std::optional<at::Tensor>& labels, const std::optional<at::Tensor>& mask,
    const std::optional<at::Tensor>& ids, const std::optional<at::Tensor>& bank,
    const std::optional<at::Tensor>& bank_labels, const std::optional<at::Tensor>& bank_ids,
    const std::optional<at::Tensor>& learned_temperature, double temperature, const std::string& variant,
    const std::string& denominators, const std::string& anchors, const std::string& no_positives, int64_t max_positives,
    int64_t seed, double concentration, double class_prior, double loss_scale, bool normalize, int64_t block);

}  // namespace contrastive::losses
