#pragma once

#include <ATen/ATen.h>

#include <tuple>

namespace contrastive::evaluate {

// Softmax regression on frozen features, one for each learning rate, all trained side by side: SGD with momentum 0.9,
// no weight decay, mini-batches in an order drawn anew each epoch from `seed`, learning rate lr/2·(1 + cos(π t/T)) at
// step t of T, weights from zero. Features are standardised by the mean and standard deviation of the training ones.
// The result is that of the last step.
// train: floating (n, dim), train_labels: integer (n) in [0, classes), test: floating (m, dim), learning_rates: (L) >
// 0. Returns weights float32 (L, classes, dim) and biases (L, classes) for features that are not standardised, and the
// classes predicted for `test`, int64 (L, m).
std::tuple<at::Tensor, at::Tensor, at::Tensor> linear_probe(const at::Tensor& train, const at::Tensor& train_labels,
                                                            const at::Tensor& test, const at::Tensor& learning_rates,
                                                            int64_t classes, int64_t epochs, int64_t batch,
                                                            int64_t seed);

}  // namespace contrastive::evaluate
