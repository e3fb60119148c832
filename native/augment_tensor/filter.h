// Filters over neighbourhoods: blur, sharpness, edges.
#pragma once

#include <ATen/core/Tensor.h>

namespace contrastive::augment_tensor {

// The Gaussian blur over 2 radius + 1 of n pixels as a matrix (…, n, n), its reflected ends folded in; sigma (…, 1, 1).
at::Tensor blur_weights(const at::Tensor& sigma, int64_t n, int64_t radius);

// Separable Gaussian blur with reflected borders; sigma > 0 in pixels, (samples) or one for all. Differentiable in
// both. Source: torchvision v2 functional.gaussian_blur. Throws kShapeError where kernel_size cannot be reflected.
at::Tensor image_gaussian_blur(const at::Tensor& images, int64_t kernel_size, const at::Tensor& sigma);

// Blend with a smoothed image by factor >= 0, (samples) or one for all: 0 smooth, 1 as it is, more is sharper. The
// border stays. Source: torchvision v2 functional.adjust_sharpness.
at::Tensor image_adjust_sharpness(const at::Tensor& images, const at::Tensor& factor);

// The length of each channel's gradient, at most 1, from Sobel's responses, each 1 at a step from 0 to 1; beyond the
// border lies the border's value. As native/augment/sobel.cc.
at::Tensor image_sobel(const at::Tensor& images);

}  // namespace contrastive::augment_tensor
