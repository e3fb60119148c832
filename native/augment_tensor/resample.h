// Separable linear resampling as two batched matrix products: every sample has its own pair of matrices.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "augment_tensor/images.h"
#include "augment_tensor/placement.h"

namespace contrastive::augment_tensor {

// rows (samples or 1, height', height) and columns (samples or 1, width', width) applied to a batch
// (samples, channels, height, width).
at::Tensor apply_separable(const at::Tensor& batch, const at::Tensor& rows, const at::Tensor& columns);

// The weights (views, count, size) with which each pixel of a view of an axis of `size` pixels sees these; `count` is
// the same for all. A triangle, widened when shrinking, as ATen's antialiased interpolation (UpSampleKernel.cpp).
at::Tensor resize_weights(const Batch& batch, const std::vector<AxisView>& views, int64_t size);

// The Gaussian blur over 2 radius + 1 of n pixels as such a matrix, its reflected ends folded in; sigma (rows, 1, 1).
at::Tensor blur_weights(const at::Tensor& sigma, int64_t n, int64_t radius);

}  // namespace contrastive::augment_tensor
