#pragma once

#include <ATen/ATen.h>

namespace contrastive::losses {

// Cross entropy of a classifier's logits, mean over all rows:
//   L = −Σ_c q_c log softmax(z)_c  with  q_c = (1 − ε)·[c = label] + ε / classes
// Source of the smoothing ε: Szegedy et al. 2016, arXiv:1512.00567, section 7; as torch.nn.functional.cross_entropy.
// logits: floating (batch, views, classes); labels: integer (batch) in [0, classes), those of every view. 0 ≤ ε ≤ 1.
// Computes in float32, float64 in float64. Returns (), differentiable in the logits.
at::Tensor softmax_cross_entropy(const at::Tensor& logits, const at::Tensor& labels, double label_smoothing);

}  // namespace contrastive::losses
