// The levels of images in [0, 1]. Source: torchvision v2 functional/_color.py, on float images.
#include <ATen/ATen.h>

#include "augment_tensor/images.h"
#include "augment_tensor/operations.h"
#include "core/error.h"
#include "core/op.h"

namespace contrastive::augment_tensor {
namespace {

// Of 8-bit levels, int64 (…, pixels), the table of torchvision's equalize: level -> level, int64 (…, 256).
at::Tensor equalizing_table(const at::Tensor& levels) {
  std::vector<int64_t> sizes = levels.sizes().vec();
  sizes.back() = 256;
  const at::Tensor histogram = at::zeros(sizes, levels.options()).scatter_add(-1, levels, at::ones_like(levels));
  const at::Tensor below = histogram.cumsum(-1);
  // The brightest level that occurs does not count towards the step.
  const at::Tensor brightest = levels.amax(-1, /*keepdim=*/true);
  const at::Tensor step = at::div(levels.size(-1) - histogram.gather(-1, brightest), 255, "floor");
  const at::Tensor flat =
      at::div(below.narrow(-1, 0, 255) + at::div(step, 2, "floor"), step.clamp_min(1), "floor").clamp(0, 255);
  const at::Tensor table = at::cat({at::zeros_like(step), flat}, -1);
  return at::where(step == 0, at::arange(256, levels.options()), table);
}

at::Tensor image_invert(const at::Tensor& images) {
  const Batch batch = Batch::values("invert", images);
  return batch.restore(1 - batch.tensor());
}
CONTRASTIVE_OP(image_invert, "image_invert(Tensor images) -> Tensor");

// Inverts values at or above the threshold, in [0, 1], of bytes in [0, 255]: (samples), or one for all.
at::Tensor image_solarize(const at::Tensor& images, const at::Tensor& threshold) {
  const Batch batch = Batch::values("solarize", images);
  const at::Tensor thresholds = one_each(batch, "threshold", threshold, {.min = 0, .max = batch.unit()}) / batch.unit();
  return batch.restore(at::where(batch.tensor() >= thresholds, 1 - batch.tensor(), batch.tensor()));
}
CONTRASTIVE_OP(image_solarize, "image_solarize(Tensor images, Tensor threshold) -> Tensor");

// Keeps 2^bits levels, bits from 0 to 8, for each image or one for all.
at::Tensor image_posterize(const at::Tensor& images, const std::vector<int64_t>& bits) {
  const Batch batch = Batch::values("posterize", images);
  std::vector<std::vector<double>> levels;
  for (const auto& row : rows_each(batch, "bits", bits, 1, {.min = 0, .max = 8}))
    levels.push_back({static_cast<double>(1 << row[0])});
  const at::Tensor count = upload(batch, levels).unsqueeze(-1).unsqueeze(-1);
  const at::Tensor level = at::minimum((batch.tensor() * count).floor().clamp_min(0), count - 1);
  return batch.restore(level / count);
}
CONTRASTIVE_OP(image_posterize, "image_posterize(Tensor images, int[] bits) -> Tensor");

// Stretches each channel of each image to [0, 1]; a constant channel stays.
at::Tensor image_autocontrast(const at::Tensor& images) {
  const Batch batch = Batch::values("autocontrast", images);
  const at::Tensor low = batch.tensor().amin({2, 3}, true), high = batch.tensor().amax({2, 3}, true);
  const at::Tensor constant = low == high;
  const at::Tensor range = (high - low).masked_fill(constant, 1);
  return batch.restore(((batch.tensor() - low.masked_fill(constant, 0)) / range).clamp(0, 1));
}
CONTRASTIVE_OP(image_autocontrast, "image_autocontrast(Tensor images) -> Tensor");

// Flattens the histogram of 256 levels of each channel of each image.
at::Tensor image_equalize(const at::Tensor& images) {
  const Batch batch = Batch::values("equalize", images);
  const at::Tensor levels = (batch.tensor().clamp(0, 1) * 255.999).to(at::kLong).flatten(2);
  const at::Tensor result = equalizing_table(levels).gather(-1, levels);
  return batch.restore((result.to(batch.tensor().scalar_type()) / 255).reshape(batch.tensor().sizes()));
}
CONTRASTIVE_OP(image_equalize, "image_equalize(Tensor images) -> Tensor");

// (x - mean) / std for each channel; lists of one number, or one a channel. Source: torchvision v2 Normalize.
at::Tensor image_normalize(const at::Tensor& images, const std::vector<double>& mean, const std::vector<double>& std) {
  const Batch batch = Batch::floating("normalize", images);
  const auto fits = [&](const std::vector<double>& list) {
    return list.size() == 1 || static_cast<int64_t>(list.size()) == batch.channels();
  };
  CONTRASTIVE_CHECK(fits(mean) && fits(std), kShapeError, "normalize: mean and std must hold 1 number or ",
                    batch.channels(), ", one a channel, got ", mean.size(), " and ", std.size());
  check_each(batch, "mean", mean);
  check_each(batch, "std", std, {.min = 0, .open = true});
  const auto a_channel = [&](const std::vector<double>& list) {
    return upload(batch, {list}).unsqueeze(-1).unsqueeze(-1);
  };
  return batch.restore((batch.tensor() - a_channel(mean)) / a_channel(std));
}
CONTRASTIVE_OP(image_normalize, "image_normalize(Tensor images, float[] mean, float[] std) -> Tensor");

}  // namespace

at::Tensor apply_each(const at::Tensor& images, Each<operation::Invert>) { return image_invert(images); }

at::Tensor apply_each(const at::Tensor& images, Each<operation::Solarize> each) {
  return image_solarize(images, factors(each, &operation::Solarize::threshold));
}

at::Tensor apply_each(const at::Tensor& images, Each<operation::Posterize> each) {
  return image_posterize(images, column<int64_t>(each, &operation::Posterize::bits));
}

at::Tensor apply_each(const at::Tensor& images, Each<operation::Autocontrast>) { return image_autocontrast(images); }

at::Tensor apply_each(const at::Tensor& images, Each<operation::Equalize>) { return image_equalize(images); }

at::Tensor apply_each(const at::Tensor& images, Each<operation::Normalize> each) {
  const auto& [mean, std] = each[0];
  return image_normalize(images, {mean.begin(), mean.end()}, {std.begin(), std.end()});
}

}  // namespace contrastive::augment_tensor
