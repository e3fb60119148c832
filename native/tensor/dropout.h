// Dropout whose draws are a function of a key: libtorch's process-wide generator is never used.
#pragma once

#include <ATen/core/Tensor.h>

namespace contrastive::tensor {

// Elements are 0 with probability p, the others are divided by 1 − p. `key`: int64 (), on any device.
at::Tensor dropout(const at::Tensor& input, double p, const at::Tensor& key);

}  // namespace contrastive::tensor
