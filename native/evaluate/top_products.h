#pragma once

#include <ATen/ATen.h>

#include <tuple>

namespace contrastive::evaluate {

// The k largest inner products of each row of `queries` with the rows of `bank`, largest first, of equals the earlier
// row first; the matrix of all products is never held. queries: float32 (n, dim), bank: float32 (m, dim), both on the
// CPU, n ≥ 1, 1 ≤ k ≤ m. Returns rows of the bank, int64 (n, k), and the products, float32 (n, k), which do not depend
// on the number of threads. A product that is NaN counts as −∞.
std::tuple<at::Tensor, at::Tensor> top_products(const at::Tensor& queries, const at::Tensor& bank, int64_t k);

}  // namespace contrastive::evaluate
