// What rows are divided by to become unit rows.
#pragma once

#include <ATen/ATen.h>

namespace contrastive::tensor {

// The lengths of rows (rows, dim), as (rows, 1); 1 for a row of zeros, which so stays one.
inline at::Tensor row_lengths(const at::Tensor& rows) {
  at::Tensor lengths = at::linalg_vector_norm(rows, 2, at::IntArrayRef{1}, /*keepdim=*/true);
  return lengths.masked_fill_(lengths.eq(0), 1);
}

}  // namespace contrastive::tensor
