#pragma once

#include <ATen/core/Tensor.h>

#include "nn/fused_batch_norm.h"

namespace contrastive::nn {

// batch_norm(x) in training with the statistics of all ranks' rows, which also move the running ones; of any layout,
// device and floating dtype. Every rank must call it. Differentiable once.
at::Tensor whole_batch_norm(const at::Tensor& x, const BatchNormState& state);

}  // namespace contrastive::nn
