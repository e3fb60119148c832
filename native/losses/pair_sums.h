// The kernel behind the contrastive losses: sums over the candidates of each anchor, differentiable, without a matrix
// of all pairs. Similarities are made block by block, once in the forward pass and once more in an analytic backward
// pass, and a block of two sets of anchors serves both. Memory: O(candidates · dim + block²).
#pragma once

#include <ATen/ATen.h>

#include <optional>
#include <vector>

#include "losses/pairs.h"

namespace contrastive::losses {

// Which candidates j ≠ i of an anchor i a sum runs over, and how it weights them.
enum class Role {
  kAll,        // every one
  kNegatives,  // those with w_ij = 0
  kPositives,  // those with w_ij > 0, before the cap
  kWeighted,   // by w_ij, after the cap
};

// log Σ_j exp(exponent · s_ij), −∞ where it is empty; or, without an exponent, Σ_j w_ij s_ij, of kWeighted only.
struct PairSum {
  Role role = Role::kAll;
  std::optional<double> exponent;
};

// z: float32 or float64 (rows, dim). temperature: the tensor that holds τ, when it wants a gradient.
// Returns (sums, anchors), differentiable once in z and temperature; a second derivative is an ERR_AUTOGRAD.
at::Tensor pair_sums(const at::Tensor& z, const std::optional<at::Tensor>& temperature, const Pairs& pairs,
                     std::vector<PairSum> sums);

}  // namespace contrastive::losses
