// Batch normalisation in training with the addition and the activation that follow it, in fewer passes over memory than
// libtorch's separate operators take.
#pragma once

#include <ATen/core/Tensor.h>

#include "nn/batch_norm_kernels.h"

namespace contrastive::nn {

struct BatchNormState {
  at::Tensor weight, bias;               // undefined: 1 and 0, which the fused passes do not take
  at::Tensor running_mean, running_var;  // undefined: the statistics of the batch move nothing
  double momentum, epsilon;
  bool over_all_ranks = false;  // the batch is that of all ranks together
};

// Whether fused_batch_norm takes x (and residual, which may be undefined): on the CPU, channels_last, float32 or
// bfloat16, and of a number of values that fits its vectors. With a residual, the activation is ReLU or none.
bool can_fuse_batch_norm(const at::Tensor& x, const at::Tensor& residual, Activation act, const BatchNormState& state);

// act(batch_norm(x) + residual) with the statistics of the batch, which also move the running ones. As at::batch_norm,
// at::add and the activation; float32 inside. Differentiable once: a second derivative throws kAutogradError.
at::Tensor fused_batch_norm(const at::Tensor& x, const at::Tensor& residual, Activation act,
                            const BatchNormState& state);

// The same in evaluation, with the running statistics, into y, which may be x. Records no gradient.
void evaluate_batch_norm(const at::Tensor& x, const at::Tensor& residual, Activation act, const BatchNormState& state,
                         const at::Tensor& y);

}  // namespace contrastive::nn
