// Separable linear resampling as two batched matrix products: every sample has its own pair of matrices.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace contrastive::augment_tensor {

// rows (samples or 1, height', height) and columns (samples or 1, width', width) applied to a batch
// (samples, channels, height, width).
at::Tensor apply_separable(const at::Tensor& batch, const at::Tensor& rows, const at::Tensor& columns);

// The window [top, left, height, width] of each image, or one for all, resized to `size`: bilinear, antialiased.
// Source: torchvision v2 functional.resized_crop. Throws kOptionError for a window that leaves the image.
at::Tensor image_resized_crop(const at::Tensor& images, const std::vector<int64_t>& windows,
                              const std::vector<int64_t>& size);

at::Tensor image_resize(const at::Tensor& images, const std::vector<int64_t>& size);

}  // namespace contrastive::augment_tensor
