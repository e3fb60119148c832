// Resampling at computed positions, of every image at its own.
#include <ATen/ATen.h>

#include <algorithm>

#include "augment/checks.h"
#include "augment_tensor/images.h"
#include "augment_tensor/noise.h"
#include "augment_tensor/operations.h"
#include "augment_tensor/resample.h"
#include "core/error.h"
#include "core/op.h"

namespace contrastive::augment_tensor {
namespace {

// Positions far outside (or NaN, where a denominator is 0) come near, still outside, so that they fit an integer.
at::Tensor near_image(const at::Tensor& x, int64_t size) {
  return at::where(x > -2, x, at::full({}, -2, x.options())).clamp_max(static_cast<double>(size + 1));
}

// Which of the integer-valued positions (…) are pixels of an axis.
at::Tensor on_axis(const at::Tensor& position, int64_t size) {
  return (position >= 0).bitwise_and(position < static_cast<double>(size));
}

// The pixels of (samples, channels, height width) at integer-valued positions (samples or 1, height, width); any pixel
// where the position is outside.
at::Tensor pixels_at(const at::Tensor& flat, const at::Tensor& column, const at::Tensor& row, int64_t height,
                     int64_t width) {
  const at::Tensor index = row.clamp(0, static_cast<double>(height - 1)).to(at::kLong) * width +
                           column.clamp(0, static_cast<double>(width - 1)).to(at::kLong);
  const at::Tensor everywhere = index.flatten(1).unsqueeze(1).expand({flat.size(0), flat.size(1), -1});
  return flat.gather(2, everywhere).reshape({flat.size(0), flat.size(1), column.size(1), column.size(2)});
}

// Entry i of a list whose one entry serves all.
template <typename T>
const T& entry(const std::vector<T>& list, size_t i) {
  return list[list.size() == 1 ? 0 : i];
}

// The batch sampled at x, y (samples or 1, height, width), in pixels, 0 at the centre of the first one. Source:
// torchvision v2 functional/_geometry.py, _apply_grid_transform.
at::Tensor sample(const Batch& batch, const at::Tensor& far_x, const at::Tensor& far_y,
                  const augment::Sampling& sampling) {
  const double outside = sampling.fill.value_or(0) / batch.unit();
  const int64_t height = batch.height(), width = batch.width();
  const at::Tensor x = near_image(far_x, width), y = near_image(far_y, height);
  const at::Tensor flat = batch.tensor().flatten(2);
  if (sampling.interpolation == augment::Interpolation::kNearest) {
    const at::Tensor column = x.round(), row = y.round();
    const at::Tensor inside = on_axis(column, width).bitwise_and(on_axis(row, height)).unsqueeze(1);
    return pixels_at(flat, column, row, height, width).masked_fill(inside.logical_not(), outside);
  }
  const at::Tensor left = x.floor(), top = y.floor();
  const at::Tensor right_weight = x - left, bottom_weight = y - top;
  at::Tensor value, inside;
  for (const int64_t down : {0, 1}) {
    for (const int64_t right : {0, 1}) {
      const at::Tensor column = left + right, row = top + down;
      const at::Tensor weight =
          ((right ? right_weight : 1 - right_weight) * (down ? bottom_weight : 1 - bottom_weight) *
           on_axis(column, width).bitwise_and(on_axis(row, height)))
              .unsqueeze(1);
      const at::Tensor part = weight * pixels_at(flat, column, row, height, width);
      value = value.defined() ? value + part : part;
      inside = inside.defined() ? inside + weight : weight;
    }
  }
  if (!sampling.fill) return value;
  // Torchvision's blend at the border: `value` is already without the outside part, and is weighed once more.
  return (value - outside) * inside + outside;
}

// One mapping for all, or one for each sample. Positions are as the kernels of native/augment have them: the start of
// every output row in float64, steps along it in the images' precision.
at::Tensor warp(const Batch& batch, const std::vector<augment::Mapping>& mappings, const augment::Sampling& sampling) {
  std::vector<std::vector<double>> starts, steps;
  for (const augment::Mapping& m : mappings) {
    std::vector<double>& start = starts.emplace_back();
    for (int64_t row = 0; row < batch.height(); ++row) {
      const double x = 0.5, y = static_cast<double>(row) + 0.5;
      start.insert(start.end(), {m[0] * x + m[1] * y + m[2], m[3] * x + m[4] * y + m[5], m[6] * x + m[7] * y + 1.0});
    }
    steps.push_back({m[0], m[3], m[6]});
  }
  const auto rows = static_cast<int64_t>(mappings.size());
  const at::Tensor start = upload(batch, starts).reshape({rows, batch.height(), 1, 3});
  const at::Tensor step = upload(batch, steps).reshape({rows, 1, 1, 3});
  const at::Tensor across = counting(start, batch.width());
  const auto along = [&](int64_t i) {
    return start.select(3, i) + across * step.select(3, i);
  };  // (rows, height, width)
  const at::Tensor divisor = along(2);
  return sample(batch, along(0) / divisor - 0.5, along(1) / divisor - 0.5, sampling);
}

// Degrees counter-clockwise about the centre; the size stays. Lists hold one image's numbers, or those of every one.
at::Tensor image_rotate(const at::Tensor& images, const std::vector<double>& angle, const std::string& interpolation,
                        std::optional<double> fill) {
  const Batch batch = Batch::values("rotate", images);
  std::vector<augment::Mapping> mappings;
  for (const auto& row : rows_each(batch, "angle", angle))
    mappings.push_back(augment::inverse_rotation(batch.shape(), row[0]));
  return batch.restore(warp(batch, mappings, augment::checked_sampling(batch.where(), interpolation, fill)));
}
CONTRASTIVE_OP(
    image_rotate,
    "image_rotate(Tensor images, float[] angle, *, str interpolation='nearest', float? fill=None) -> Tensor");

// Degrees clockwise, translation [x, y] in pixels, scale > 0, shear [x, y] in degrees. Source: torchvision v2
// functional.affine.
at::Tensor image_affine(const at::Tensor& images, const std::vector<double>& angle,
                        const std::vector<double>& translate, const std::vector<double>& scale,
                        const std::vector<double>& shear, const std::string& interpolation,
                        std::optional<double> fill) {
  const Batch batch = Batch::values("affine", images);
  const auto angles = rows_each(batch, "angle", angle), translations = rows_each(batch, "translate", translate, 2);
  const auto scales = rows_each(batch, "scale", scale, 1, {.min = 0, .open = true});
  const auto shears = rows_each(batch, "shear", shear, 2);
  std::vector<augment::Mapping> mappings;
  const size_t count = std::max({angles.size(), translations.size(), scales.size(), shears.size()});
  for (size_t i = 0; i < count; ++i) {
    const auto &shift = entry(translations, i), &slant = entry(shears, i);
    mappings.push_back(augment::inverse_affine(augment::center_of(batch.shape()), entry(angles, i)[0],
                                               {shift[0], shift[1]}, entry(scales, i)[0], {slant[0], slant[1]}));
  }
  return batch.restore(warp(batch, mappings, augment::checked_sampling(batch.where(), interpolation, fill)));
}
CONTRASTIVE_OP(image_affine,
               "image_affine(Tensor images, float[] angle, float[] translate, float[] scale, float[] shear, *, "
               "str interpolation='nearest', float? fill=None) -> Tensor");

// The eight coefficients of a projective map from output to source pixels. Source: torchvision v2
// functional.perspective.
at::Tensor image_perspective(const at::Tensor& images, const std::vector<double>& coefficients,
                             const std::string& interpolation, std::optional<double> fill) {
  const Batch batch = Batch::values("perspective", images);
  std::vector<augment::Mapping> mappings;
  for (const auto& row : rows_each(batch, "coefficients", coefficients, 8))
    std::copy(row.begin(), row.end(), mappings.emplace_back().begin());
  return batch.restore(warp(batch, mappings, augment::checked_sampling(batch.where(), interpolation, fill)));
}
CONTRASTIVE_OP(image_perspective,
               "image_perspective(Tensor images, float[] coefficients, *, str interpolation='bilinear', "
               "float? fill=None) -> Tensor");

// Every output pixel shows the source pixel at its own position plus `displacement`, (height, width, 2) or (samples,
// height, width, 2) of [x, y], in units of half the image's width and height. Source: torchvision v2
// functional.elastic.
at::Tensor image_elastic(const at::Tensor& images, const at::Tensor& displacement, const std::string& interpolation,
                         std::optional<double> fill) {
  const Batch batch = Batch::values("elastic", images);
  const at::Tensor field = displacement.dim() == 3 ? displacement.unsqueeze(0) : displacement;
  CONTRASTIVE_CHECK(field.dim() == 4 && (field.size(0) == 1 || field.size(0) == batch.samples()) &&
                        field.size(1) == batch.height() && field.size(2) == batch.width() && field.size(3) == 2,
                    kShapeError, "elastic: displacement must have shape (", batch.height(), ", ", batch.width(),
                    ", 2), or that for each image, got ", displacement.sizes());
  CONTRASTIVE_CHECK(field.is_floating_point(), kDTypeError, "elastic: displacement must be floating, got ",
                    displacement.dtype());
  const at::Tensor shift = field.to(batch.tensor().scalar_type());
  const auto position = [&](int64_t axis, int64_t size, const at::Tensor& own) {
    return own + shift.select(3, axis) * (0.5 * static_cast<double>(size));
  };
  return batch.restore(sample(batch, position(0, batch.width(), counting(shift, batch.width())),
                              position(1, batch.height(), counting(shift, batch.height()).unsqueeze(1)),
                              augment::checked_sampling(batch.where(), interpolation, fill)));
}
CONTRASTIVE_OP(image_elastic,
               "image_elastic(Tensor images, Tensor displacement, *, str interpolation='bilinear', "
               "float? fill=None) -> Tensor");

}  // namespace

at::Tensor apply_each(const at::Tensor& images, Each<operation::Warp> each) {
  return warp(Batch::floating("warp", images), column<augment::Mapping>(each, &operation::Warp::mapping),
              each[0].sampling);
}

at::Tensor apply_each(const at::Tensor& images, Each<operation::Elastic> each) {
  const Batch batch = Batch::floating("elastic", images);
  const operation::Elastic& elastic = each[0];
  const int64_t height = batch.height(), width = batch.width();
  const std::vector<augment::NoiseKey> keys = column<augment::NoiseKey>(each, &operation::Elastic::key);
  const at::Tensor noise = send(make_noise(Noise::kUniform, keys, 2 * height * width), images.device())
                               .reshape({batch.samples(), 2, height, width});
  const auto smooth = [&](int axis) {
    const auto weights = [&](int direction, int64_t n) {
      return blur_weights(at::full({1, 1, 1}, elastic.sigma[direction], noise.options()), n,
                          elastic.kernel_size(axis) / 2);
    };
    return apply_separable(noise.narrow(1, axis, 1), weights(1, height), weights(0, width)).squeeze(1) *
           (0.5 * elastic.alpha[axis]);
  };
  return sample(batch, counting(noise, width) + smooth(0), counting(noise, height).unsqueeze(1) + smooth(1),
                elastic.sampling);
}

}  // namespace contrastive::augment_tensor
