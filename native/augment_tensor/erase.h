// Rectangles overwritten, each image's own.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace contrastive::augment_tensor {

// The window [top, left, height, width] of each image, or one for all, becomes `value`: one number, (channels, 1, 1),
// or any shape that broadcasts to the images'. A window of no pixels changes nothing. Source: torchvision v2
// functional.erase. Throws kOptionError for a window that leaves the image.
at::Tensor image_erase(const at::Tensor& images, const std::vector<int64_t>& windows, const at::Tensor& value);

}  // namespace contrastive::augment_tensor
