// Brightness, contrast, saturation, hue and gray of images in [0, 1], each image by a factor of its own.
// Source: torchvision v2 functional/_color.py, on float images.
#pragma once

#include <ATen/core/Tensor.h>

namespace contrastive::augment_tensor {

// clamp(x factor + other (1 - factor)), the images shaped as a batch.
at::Tensor blend(const at::Tensor& batch, const at::Tensor& other, const at::Tensor& factor);

// `factor` >= 0: (samples), or one for all. Differentiable in both arguments.
at::Tensor image_adjust_brightness(const at::Tensor& images, const at::Tensor& factor);
at::Tensor image_adjust_contrast(const at::Tensor& images, const at::Tensor& factor);
at::Tensor image_adjust_saturation(const at::Tensor& images, const at::Tensor& factor);
// In turns of the colour circle, [-0.5, 0.5].
at::Tensor image_adjust_hue(const at::Tensor& images, const at::Tensor& factor);

// ITU-R 601 luma in `channels` (1 or 3) equal channels.
at::Tensor image_rgb_to_grayscale(const at::Tensor& images, int64_t channels);

}  // namespace contrastive::augment_tensor
