#include "augment_tensor/color.h"

#include <ATen/ATen.h>

#include "augment_tensor/images.h"
#include "core/error.h"
#include "core/op.h"

namespace contrastive::augment_tensor {
namespace {

// (samples, 1, height, width), with torchvision's constants.
at::Tensor luma(const at::Tensor& batch) {
  if (batch.size(1) == 1) return batch;
  return 0.2989 * batch.narrow(1, 0, 1) + 0.587 * batch.narrow(1, 1, 1) + 0.114 * batch.narrow(1, 2, 1);
}

// Hue turned by `turns` in HSV. One channel back in RGB is v - v s max(0, min(k, 4 - k, 1)), k = (n + 6 h) mod 6.
at::Tensor turn_hue(const at::Tensor& batch, const at::Tensor& turns) {
  const at::Tensor red = batch.narrow(1, 0, 1), green = batch.narrow(1, 1, 1), blue = batch.narrow(1, 2, 1);
  const at::Tensor high = at::maximum(at::maximum(red, green), blue), low = at::minimum(at::minimum(red, green), blue);
  const at::Tensor range = high - low;
  const at::Tensor divisor = range.masked_fill(range == 0, 1);  // a gray pixel's hue does not matter
  const at::Tensor sixths =
      at::where(high == red, (green - blue) / divisor,
                at::where(high == green, 2 + (blue - red) / divisor, 4 + (red - green) / divisor));
  const at::Tensor hue = sixths + 6 * turns;
  const auto channel = [&](double n) {
    const at::Tensor k = at::remainder(hue + n, 6);
    return high - range * at::minimum(k, 4 - k).clamp(0, 1);
  };
  return at::cat({channel(5), channel(3), channel(1)}, 1);
}

}  // namespace

at::Tensor blend(const at::Tensor& batch, const at::Tensor& other, const at::Tensor& factor) {
  return (batch * factor + other * (1 - factor)).clamp(0, 1);
}

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

at::Tensor image_adjust_hue(const at::Tensor& images, const at::Tensor& factor) {
  const Batch batch = Batch::color("adjustHue", images);
  const at::Tensor turns = one_each(batch, "factor", factor, {.min = -0.5, .max = 0.5});
  if (batch.channels() == 1) return images;  // a gray image has no hue
  return batch.restore(turn_hue(batch.tensor(), turns));
}
CONTRASTIVE_OP(image_adjust_hue, "image_adjust_hue(Tensor images, Tensor factor) -> Tensor");

at::Tensor image_rgb_to_grayscale(const at::Tensor& images, int64_t channels) {
  const Batch batch = Batch::color("rgbToGrayscale", images);
  CONTRASTIVE_CHECK(channels == 1 || channels == 3, kOptionError, "rgbToGrayscale: channels must be 1 or 3, got ",
                    channels);
  const at::Tensor gray = luma(batch.tensor());
  return batch.restore(channels == 1 ? gray : gray.expand({-1, channels, -1, -1}).contiguous());
}
CONTRASTIVE_OP(image_rgb_to_grayscale, "image_rgb_to_grayscale(Tensor images, int channels=1) -> Tensor");

}  // namespace contrastive::augment_tensor
