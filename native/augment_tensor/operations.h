// The operations of augment/operations.h on image tensors, on whatever device these lie.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/tensor.h>

#include <span>
#include <vector>

#include "augment/operations.h"

namespace contrastive::augment_tensor {

namespace operation = augment::operation;

// What each of `plans`, one a sample, does to images (samples, channels, height, width) in float32; its size may change
// where all plans change it alike. Step by step, the samples whose operations are of one kind take them together.
at::Tensor apply_plans(const at::Tensor& images, const std::vector<augment::Plan>& plans);

// One operation of each sample: they differ in what was drawn, and the first one's options are those of all.
template <typename Operation>
using Each = std::span<const Operation>;

at::Tensor apply_each(const at::Tensor& images, Each<operation::Crop> each);
at::Tensor apply_each(const at::Tensor& images, Each<operation::Flip> each);
at::Tensor apply_each(const at::Tensor& images, Each<operation::Rotate90> each);
at::Tensor apply_each(const at::Tensor& images, Each<operation::ResizedCrop> each);
at::Tensor apply_each(const at::Tensor& images, Each<operation::Warp> each);
at::Tensor apply_each(const at::Tensor& images, Each<operation::Elastic> each);
at::Tensor apply_each(const at::Tensor& images, Each<operation::AdjustBrightness> each);
at::Tensor apply_each(const at::Tensor& images, Each<operation::AdjustContrast> each);
at::Tensor apply_each(const at::Tensor& images, Each<operation::AdjustSaturation> each);
at::Tensor apply_each(const at::Tensor& images, Each<operation::AdjustHue> each);
at::Tensor apply_each(const at::Tensor& images, Each<operation::Grayscale> each);
at::Tensor apply_each(const at::Tensor& images, Each<operation::Invert> each);
at::Tensor apply_each(const at::Tensor& images, Each<operation::Solarize> each);
at::Tensor apply_each(const at::Tensor& images, Each<operation::Posterize> each);
at::Tensor apply_each(const at::Tensor& images, Each<operation::Autocontrast> each);
at::Tensor apply_each(const at::Tensor& images, Each<operation::Equalize> each);
at::Tensor apply_each(const at::Tensor& images, Each<operation::Normalize> each);
at::Tensor apply_each(const at::Tensor& images, Each<operation::AdjustSharpness> each);
at::Tensor apply_each(const at::Tensor& images, Each<operation::GaussianBlur> each);
at::Tensor apply_each(const at::Tensor& images, Each<operation::Sobel> each);
at::Tensor apply_each(const at::Tensor& images, Each<operation::GaussianNoise> each);
at::Tensor apply_each(const at::Tensor& images, Each<operation::Erase> each);
at::Tensor apply_each(const at::Tensor& images, Each<operation::EraseWithNoise> each);

// One number of each operation, in their order.
template <typename To, typename Operation, typename Number>
std::vector<To> column(Each<Operation> each, Number Operation::*number) {
  std::vector<To> column;
  for (const Operation& one : each) column.push_back(static_cast<To>(one.*number));
  return column;
}

// The same as a tensor (samples) on the CPU, where functions read it without waiting for a device.
template <typename Operation, typename Number>
at::Tensor factors(Each<Operation> each, Number Operation::*number) {
  return at::tensor(column<float>(each, number));
}

}  // namespace contrastive::augment_tensor
