// The kernel behind the contrastive losses: for anchors i among rows z of (rows, dim) and s_ij = z_i·z_j / τ,
//
//   Σ_i c_i L_i,   L_i = log Σ_{j≠i} exp(s_ij) − Σ_j w_ij s_ij / W_i             (Variant::kOut)
//                  L_i = log Σ_{j≠i} exp(s_ij) − log( Σ_j w_ij exp(s_ij) / W_i )  (Variant::kIn)
//
// with w_ij ≥ 0 the weight of j as a positive of i and W_i = Σ_j w_ij. Similarities are made block by block, once in
// the forward pass and once more in an analytic backward pass, and a block of two sets of anchors serves both.
// Memory: O(rows · dim + block²).
#pragma once

#include <ATen/ATen.h>

#include <optional>

#include "losses/positives.h"

namespace contrastive::losses {

enum class Variant { kOut, kIn };

struct PairLoss {
  Positives positives;
  Variant variant;
  int64_t anchors;          // the first `anchors` rows are anchors; every row is a candidate
  at::Tensor coefficients;  // c (anchors); 0 where an anchor has no positive
  at::Tensor totals;        // W (anchors)
  double temperature;       // τ > 0
  double bound;             // |s_ij| is at most this; infinity when it is not known
  int64_t block;            // rows of a block
};

// z: float32 or float64 (rows, dim), rows ≥ 2. temperature: the tensor that holds τ, when it wants a gradient.
// Returns the scalar (), differentiable once in z and temperature; a second derivative is an ERR_AUTOGRAD.
at::Tensor pair_loss(const at::Tensor& z, const std::optional<at::Tensor>& temperature, PairLoss problem);

}  // namespace contrastive::losses
