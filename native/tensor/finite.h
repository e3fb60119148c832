// Whether numbers are finite: what a training step asks before it keeps them.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace contrastive::tensor {

// The largest 2-norm among floating tensors, 0 of none. Not finite where one holds a NaN or an infinity, and where the
// squares of finite numbers overflow. One pass, and one read from a device.
double largest_norm(const std::vector<at::Tensor>& tensors);

// The 2-norm of all numbers of floating tensors, 0 of none, in the same pass; not finite only where one of them is not.
double total_norm(const std::vector<at::Tensor>& tensors);

// Whether every number of floating tensors is finite, given their largest_norm: looks again only where that is not.
bool all_finite(const std::vector<at::Tensor>& tensors, double largest);
inline bool all_finite(const std::vector<at::Tensor>& tensors) { return all_finite(tensors, largest_norm(tensors)); }

// The same without a read, for tensors of one device, at least one: float64 (), float64 (), bool ().
at::Tensor largest_norm_of(const std::vector<at::Tensor>& tensors);
at::Tensor total_norm_of(const std::vector<at::Tensor>& tensors);
at::Tensor are_finite(const std::vector<at::Tensor>& tensors);

}  // namespace contrastive::tensor
