#pragma once

#include <ATen/ATen.h>

#include <optional>
#include <string>
#include <tuple>

namespace contrastive::losses {

// Supervised contrastive loss. Source: Khosla et al. 2020, arXiv:2004.11362, eq. 2 ("out") and eq. 3 ("in").
// features: floating (batch, views, dim). labels: integer (batch). mask: (batch, batch), finite weights ≥ 0. Neither:
// the other views of a sample are its positives. learned_temperature: floating, one element, takes the place of
// `temperature` and gets a gradient. block: rows of a block of similarities, 0 for the library's choice.
// Computed in float32, float64 features in float64. Returns the loss () and the number of anchors that have a positive,
// int64 (). The loss is NaN when a feature is.
std::tuple<at::Tensor, at::Tensor> sup_con_loss(const at::Tensor& features, const std::optional<at::Tensor>& labels,
                                                const std::optional<at::Tensor>& mask,
                                                const std::optional<at::Tensor>& learned_temperature,
                                                double temperature, const std::string& variant,
                                                const std::string& anchors, const std::string& no_positives,
                                                double loss_scale, bool normalize, int64_t block);

}  // namespace contrastive::losses
