// How many rows a block of similarities has where the caller does not say.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace contrastive::losses {

// Chosen from the memory that a block of `z`'s dtype should stay in: the second-level cache of a CPU, a thousandth of
// the memory of a GPU.
int64_t default_block(const at::Tensor& z);

}  // namespace contrastive::losses
