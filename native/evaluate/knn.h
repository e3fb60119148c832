#pragma once

#include <ATen/ATen.h>

#include <tuple>

namespace contrastive::evaluate {

// Weighted k-nearest-neighbour classification: each of the k neighbours votes exp(cosine / T) for its class.
// Source: Wu et al. 2018, arXiv:1805.01978, section 3.4.
// features: floating (n, dim), bank: floating (m, dim), bank_labels: integer (m) in [0, classes); unit, block: as
// nearest_neighbours takes them. Returns the class with the most votes, int64 (n), the lower one of equals, and each
// class's share of the votes, float32 (n, classes).
std::tuple<at::Tensor, at::Tensor> knn_classify(const at::Tensor& features, const at::Tensor& bank,
                                                const at::Tensor& bank_labels, int64_t classes, int64_t k,
                                                double temperature, bool unit, int64_t block);

}  // namespace contrastive::evaluate
