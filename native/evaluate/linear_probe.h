// Softmax regression on frozen features, in parts that are a job each, so that other work runs between them and a
// training can be left. One classifier for each learning rate, all trained side by side.
#pragma once

#include <ATen/ATen.h>

#include <tuple>

namespace contrastive::evaluate {

// Mean and standard deviation of each feature, float32 (dim); 1 for a feature that never changes.
// train: floating (n, dim), finite.
std::tuple<at::Tensor, at::Tensor> probe_scale(const at::Tensor& train);

// (features − mean) / deviation with a column of ones behind, so that the bias is one more weight: float32
// (n, dim + 1). features: floating (n, dim), finite; mean, deviation: (dim).
at::Tensor probe_inputs(const at::Tensor& features, const at::Tensor& mean, const at::Tensor& deviation);

// The steps `step` to `step` + `count` of `total`: SGD with momentum 0.9 on the mean cross entropy of a mini-batch, no
// weight decay, learning rate lr/2·(1 + cos(π t/total)) at step t. Mini-batches of `batch` rows, the last of an epoch
// smaller, in an order that is a function of (seed, epoch).
// weights, velocity: float32 (L, classes, dim + 1), zero before the first step; inputs: (n, dim + 1) of probe_inputs;
// labels: integer (n) in [0, classes); learning_rates: (L) > 0. Returns the weights and the velocity after the steps.
std::tuple<at::Tensor, at::Tensor> probe_steps(const at::Tensor& weights, const at::Tensor& velocity,
                                               const at::Tensor& inputs, const at::Tensor& labels,
                                               const at::Tensor& learning_rates, int64_t step, int64_t count,
                                               int64_t total, int64_t batch, int64_t seed);

// The logits of each classifier: (L, n, classes). weights: (L, classes, dim + 1), inputs: (n, dim + 1).
at::Tensor probe_logits(const at::Tensor& weights, const at::Tensor& inputs);

}  // namespace contrastive::evaluate
