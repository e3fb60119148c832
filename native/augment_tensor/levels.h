// Operations on the levels of images in [0, 1]. Source: torchvision v2 functional/_color.py, on float images.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace contrastive::augment_tensor {

at::Tensor image_invert(const at::Tensor& images);
// Inverts values at or above the threshold, in [0, 1], of bytes in [0, 255]: (samples), or one for all.
at::Tensor image_solarize(const at::Tensor& images, const at::Tensor& threshold);
// Keeps 2^bits levels, bits from 0 to 8, for each image or one for all.
at::Tensor image_posterize(const at::Tensor& images, const std::vector<int64_t>& bits);
// Stretches each channel of each image to [0, 1]; a constant channel stays.
at::Tensor image_autocontrast(const at::Tensor& images);
// Flattens the histogram of 256 levels of each channel of each image.
at::Tensor image_equalize(const at::Tensor& images);

// (x - mean) / std for each channel; lists of one number, or one a channel. Source: torchvision v2 Normalize.
at::Tensor image_normalize(const at::Tensor& images, const std::vector<double>& mean, const std::vector<double>& std);

}  // namespace contrastive::augment_tensor
