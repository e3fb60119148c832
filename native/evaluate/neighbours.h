#pragma once

#include <ATen/ATen.h>

#include <tuple>

namespace contrastive::evaluate {

// The k rows of `bank` with the largest cosine similarity to each row of `features`, largest first.
// features: floating (n, dim), bank: floating (m, dim), 1 ≤ k ≤ m. block: rows of `features` taken at a time, 0 for the
// library's choice. Returns indices int64 (n, k) and similarities float32 (n, k).
std::tuple<at::Tensor, at::Tensor> nearest_neighbours(const at::Tensor& features, const at::Tensor& bank, int64_t k,
                                                      int64_t block);

}  // namespace contrastive::evaluate
