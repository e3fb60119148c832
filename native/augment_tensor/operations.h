// The operations of augment/operations.h on image tensors, on whatever device these lie.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/tensor.h>

#include <optional>
#include <span>
#include <vector>

#include "augment/operations.h"

namespace contrastive::augment_tensor {

namespace operation = augment::operation;

// What each of `plans`, one a sample, does to images (samples, channels, height, width) in float32; its size may change
// where all plans change it alike. Samples whose next operations are of one kind take them together, in so few rounds
// that their number hardly follows that of the samples.
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
at::Tensor apply_each(const at::Tensor& images, Each<operation::AdjustHue> each);
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

// What brightness, contrast, saturation and gray come down to: of a pixel, its gray and the image's mean gray so much
// each, clamped to [0, 1] unless that is all gray. An image of one channel is only changed by brightness and contrast.
struct GrayMix {
  float pixel, gray, mean;
  bool is_clamped = true;
};
GrayMix gray_mix(const operation::AdjustBrightness& adjust);
GrayMix gray_mix(const operation::AdjustContrast& adjust);
GrayMix gray_mix(const operation::AdjustSaturation& adjust);
GrayMix gray_mix(const operation::Grayscale& grayscale);
at::Tensor apply_each(const at::Tensor& images, Each<GrayMix> each);

template <typename Operation>
constexpr bool kMixesGray = requires(const Operation& operation) {
  gray_mix(operation);
};

inline std::optional<GrayMix> as_gray_mix(const augment::Operation& operation) {
  return std::visit(
      []<typename Operation>(const Operation& one) -> std::optional<GrayMix> {
        if constexpr (kMixesGray<Operation>)
          return gray_mix(one);
        else
          return std::nullopt;
      },
      operation);
}

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
