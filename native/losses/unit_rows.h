// Rows of length one in a chosen order, with a backward pass that needs little more memory than its result.
#pragma once

#include <ATen/ATen.h>

namespace contrastive::losses {

// x[order] with each row divided by its length; a row of zeros stays so. x: floating (rows, dim); order: int64, a
// permutation. Returns `dtype` (rows, dim), differentiable once.
at::Tensor unit_rows(const at::Tensor& x, const at::Tensor& order, at::ScalarType dtype);

}  // namespace contrastive::losses
