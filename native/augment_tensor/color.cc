// Brightness, contrast, saturation, hue and gray of images in [0, 1], each image by a factor of its own.
// Source: torchvision v2 functional/_color.py, on float images.
#include <ATen/ATen.h>

#include <limits>

#include "augment_tensor/images.h"
#include "augment_tensor/operations.h"
#include "core/error.h"
#include "core/op.h"

namespace contrastive::augment_tensor {
namespace {

// (samples, 1, height, width), with torchvision's constants.
at::Tensor luma(const at::Tensor& batch) {
  if (batch.size(1) == 1) return batch;
  return (0.2989 * batch.narrow(1, 0, 1)).add(batch.narrow(1, 1, 1), 0.587).add(batch.narrow(1, 2, 1), 0.114);
}

// Hue turned by `turns` in HSV. One channel back in RGB is v - v s max(0, min(k, 4 - k, 1)), k = (n + 6 h) mod 6, with
// an n of 5, 3 or 1.
at::Tensor turn_hue(const at::Tensor& batch, const at::Tensor& turns) {
  const at::Tensor red = batch.narrow(1, 0, 1), green = batch.narrow(1, 1, 1), blue = batch.narrow(1, 2, 1);
  const at::Tensor high = at::maximum(at::maximum(red, green), blue), low = at::minimum(at::minimum(red, green), blue);
  const at::Tensor range = high - low;
  const at::Tensor divisor = range.masked_fill(range == 0, 1);  // a gray pixel's hue does not matter
  const at::Tensor sixths =
      at::where(high == red, (green - blue) / divisor,
                at::where(high == green, 2 + (blue - red) / divisor, 4 + (red - green) / divisor));
  const at::Tensor n = at::arange(5, 0, -2, batch.options()).reshape({3, 1, 1});
  const at::Tensor k = at::remainder(sixths + 6 * turns + n, 6);
  return high - range * at::minimum(k, 4 - k).clamp(0, 1);
}

// `factor` >= 0: (samples), or one for all. Differentiable in both arguments, as are the next two.
at::Tensor image_adjust_brightness(const at::Tensor& images, const at::Tensor& factor) {
  const Batch batch = Batch::color("adjustBrightness", images);
  return batch.restore((batch.tensor() * one_each(batch, "factor", factor, {.min = 0})).clamp(0, 1));
}
CONTRASTIVE_OP(image_adjust_brightness, "image_adjust_brightness(Tensor images, Tensor factor) -> Tensor");

at::Tensor image_adjust_contrast(const at::Tensor& images, const at::Tensor& factor) {
  const Batch batch = Batch::color("adjustContrast", images);
  const at::Tensor mean = luma(batch.tensor()).mean({1, 2, 3}, /*keepdim=*/true);
  return batch.restore(blend(batch.tensor(), mean, one_each(batch, "factor", factor, {.min = 0})));
}
CONTRASTIVE_OP(image_adjust_contrast, "image_adjust_contrast(Tensor images, Tensor factor) -> Tensor");

at::Tensor image_adjust_saturation(const at::Tensor& images, const at::Tensor& factor) {
  const Batch batch = Batch::color("adjustSaturation", images);
  const at::Tensor factors = one_each(batch, "factor", factor, {.min = 0});
  if (batch.channels() == 1) return images;  // a gray image has no saturation
  return batch.restore(blend(batch.tensor(), luma(batch.tensor()), factors));
}
CONTRASTIVE_OP(image_adjust_saturation, "image_adjust_saturation(Tensor images, Tensor factor) -> Tensor");

// In turns of the colour circle, [-0.5, 0.5].
at::Tensor image_adjust_hue(const at::Tensor& images, const at::Tensor& factor) {
  const Batch batch = Batch::color("adjustHue", images);
  const at::Tensor turns = one_each(batch, "factor", factor, {.min = -0.5, .max = 0.5});
  if (batch.channels() == 1) return images;  // a gray image has no hue
  return batch.restore(turn_hue(batch.tensor(), turns));
}
CONTRASTIVE_OP(image_adjust_hue, "image_adjust_hue(Tensor images, Tensor factor) -> Tensor");

// ITU-R 601 luma in `channels` (1 or 3) equal channels.
at::Tensor image_rgb_to_grayscale(const at::Tensor& images, int64_t channels) {
  const Batch batch = Batch::color("rgbToGrayscale", images);
  CONTRASTIVE_CHECK(channels == 1 || channels == 3, kOptionError, "rgbToGrayscale: channels must be 1 or 3, got ",
                    channels);
  const at::Tensor gray = luma(batch.tensor());
  return batch.restore(channels == 1 ? gray : gray.expand({-1, channels, -1, -1}).contiguous());
}
CONTRASTIVE_OP(image_rgb_to_grayscale, "image_rgb_to_grayscale(Tensor images, int channels=1) -> Tensor");

}  // namespace

GrayMix gray_mix(const operation::AdjustBrightness& adjust) { return {adjust.factor, 0, 0}; }
GrayMix gray_mix(const operation::AdjustContrast& adjust) { return {adjust.factor, 0, 1 - adjust.factor}; }
GrayMix gray_mix(const operation::AdjustSaturation& adjust) { return {adjust.factor, 1 - adjust.factor, 0}; }
GrayMix gray_mix(const operation::Grayscale&) { return {0, 1, 0, /*is_clamped=*/false}; }

at::Tensor apply_each(const at::Tensor& images, Each<GrayMix> each) {
  constexpr double kAny = std::numeric_limits<double>::infinity();
  std::vector<std::vector<double>> rows;
  for (const auto& [pixel, gray, mean, is_clamped] : each) {
    if (gray != 0 && images.size(1) == 1)  // a gray image stays as it is, its values beyond [0, 1] too
      rows.push_back({1, 0, 0, -kAny, kAny});
    else
      rows.push_back({pixel, gray, mean, is_clamped ? 0 : -kAny, is_clamped ? 1 : kAny});
  }
  const at::Tensor numbers = upload(Batch::color("colorJitter", images), rows).reshape({-1, 5, 1, 1, 1});
  const auto number = [&numbers](int64_t i) { return numbers.select(1, i); };  // (samples, 1, 1, 1)
  const at::Tensor gray = luma(images);
  const at::Tensor others = at::addcmul(number(2) * gray.mean({1, 2, 3}, /*keepdim=*/true), number(1), gray);
  return at::addcmul(others, number(0), images).clamp_(number(3), number(4));
}

at::Tensor apply_each(const at::Tensor& images, Each<operation::AdjustHue> each) {
  return image_adjust_hue(images, factors(each, &operation::AdjustHue::turns));
}

}  // namespace contrastive::augment_tensor
