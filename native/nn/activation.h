// The activations that are computed with what stands before them, by name.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>

#include "nn/batch_norm_kernels.h"

namespace contrastive::nn {

// Of 'none', 'relu', 'hardswish' or 'silu'. Throws kOptionError.
Activation activation_of(const std::string& name);

// act(y), which may be the memory of y.
at::Tensor activated(const at::Tensor& y, Activation act);

}  // namespace contrastive::nn
