// The family of contrastive losses: one formula with the choices of LossOptions, over the kernel's sums.
//
//   L_i = −Σ_p w_ip / W_i · ( s_ip − log D_ip )              (variant "out")
//   L_i = −log( Σ_p w_ip / W_i · exp(s_ip) / D_ip )          (variant "in")
//
// s_ij = z_i·z_j / τ, w_ip the weight of p as a positive of i, W_i = Σ_p w_ip, D_ip the denominator.
#pragma once

#include <ATen/ATen.h>

#include <tuple>

#include "losses/loss_inputs.h"

namespace contrastive::losses {

// Mean over anchors, times loss_scale; and how many anchors have a value, int64 (). Computed in float32, float64
// features in float64. An anchor has a value when it has a positive, and under denominators "negatives" a negative too.
// The loss is NaN when a feature is. Differentiable once in features and learned_temperature.
std::tuple<at::Tensor, at::Tensor> contrastive_loss(const LossInputs& inputs, const LossOptions& options);

// The loss alone, of features with at least two views: the other views of a sample are its positives.
at::Tensor self_supervised_loss(const LossInputs& inputs, const LossOptions& options);

}  // namespace contrastive::losses
