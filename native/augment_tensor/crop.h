// What only moves pixels: crops, padding, flips, quarter turns. Any dtype.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

namespace contrastive::augment_tensor {

// The window of `size` at [top, left] (for each image, or one for all) of the images padded by `padding` =
// [left, top, right, bottom]; `mode` is constant, edge, reflect or symmetric. Source: torchvision v2 functional.crop of
// functional.pad. Throws kOptionError for a window that leaves the padded image.
at::Tensor image_crop(const at::Tensor& images, const std::vector<int64_t>& corners, const std::vector<int64_t>& size,
                      const std::vector<int64_t>& padding, double fill, const std::string& mode);

at::Tensor image_flip(const at::Tensor& images, bool horizontal, bool vertical);

// Quarter turns counter-clockwise, for each image or one for all; images that are not square take an odd number of
// turns only together.
at::Tensor image_rotate90(const at::Tensor& images, const std::vector<int64_t>& turns);

}  // namespace contrastive::augment_tensor
