// Resampling through an inverse mapping, of every image through its own.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "augment/warp.h"
#include "augment_tensor/images.h"

namespace contrastive::augment_tensor {

// The batch sampled at x, y (samples or 1, height, width), in pixels, 0 at the centre of the first one. What lies
// outside becomes `fill`. Source: torchvision v2 functional/_geometry.py, _apply_grid_transform.
at::Tensor sample(const Batch& batch, const at::Tensor& x, const at::Tensor& y, const std::string& interpolation,
                  double fill);

// One mapping for all, or one for each sample.
at::Tensor warp(const Batch& batch, const std::vector<augment::Mapping>& mappings, const std::string& interpolation,
                double fill);

// Degrees counter-clockwise about the centre; the size stays. Lists hold one image's numbers, or those of every one.
at::Tensor image_rotate(const at::Tensor& images, const std::vector<double>& angle, const std::string& interpolation,
                        double fill);
// Degrees clockwise, translation [x, y] in pixels, scale > 0, shear [x, y] in degrees. Source: torchvision v2
// functional.affine.
at::Tensor image_affine(const at::Tensor& images, const std::vector<double>& angle,
                        const std::vector<double>& translate, const std::vector<double>& scale,
                        const std::vector<double>& shear, const std::string& interpolation, double fill);
// The eight coefficients of a projective map from output to source pixels. Source: torchvision v2
// functional.perspective.
at::Tensor image_perspective(const at::Tensor& images, const std::vector<double>& coefficients,
                             const std::string& interpolation, double fill);
// Every output pixel shows the source pixel at its own position plus `displacement`, (height, width, 2) or (samples,
// height, width, 2) of [x, y], in units of half the image's width and height. Source: torchvision v2
// functional.elastic.
at::Tensor image_elastic(const at::Tensor& images, const at::Tensor& displacement, const std::string& interpolation,
                         double fill);

}  // namespace contrastive::augment_tensor
