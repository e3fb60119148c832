#pragma once

#include <ATen/ATen.h>

#include <tuple>

namespace contrastive::evaluate {

// The rows of a bank, checked and of length 1, for calls with `unit`: float32 (m, dim). bank: floating (m, dim),
// finite.
at::Tensor unit_bank(const at::Tensor& bank);

// The k rows of `bank` with the largest cosine similarity to each row of `features`, largest first.
// features: floating (n, dim), bank: floating (m, dim), 1 ≤ k ≤ m. unit: the bank is what unit_bank gave, and is taken
// as it is. block: rows of `features` taken at a time, 0 for the library's choice. Returns indices int64 (n, k) and
// similarities float32 (n, k).
std::tuple<at::Tensor, at::Tensor> nearest_neighbours(const at::Tensor& features, const at::Tensor& bank, int64_t k,
                                                      bool unit, int64_t block);

}  // namespace contrastive::evaluate
