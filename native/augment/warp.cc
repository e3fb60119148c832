#include "augment/warp.h"

#include <numbers>

#include "augment/kernels.h"

namespace contrastive::augment {

Mapping inverse_affine(Point center, double angle, Point translate, double scale, Point shear) {
  constexpr double kRadians = std::numbers::pi / 180.0;
  const double rotation = angle * kRadians, shear_x = shear[0] * kRadians, shear_y = shear[1] * kRadians;
  // Rotation, scale and shear without the scale: [a b; c d], of determinant 1.
  const double a = std::cos(rotation - shear_y) / std::cos(shear_y);
  const double b = -(a * std::tan(shear_x) + std::sin(rotation));
  const double c = std::sin(rotation - shear_y) / std::cos(shear_y);
  const double d = std::cos(rotation) - c * std::tan(shear_x);
  const double m0 = d / scale, m1 = -b / scale, m3 = -c / scale, m4 = a / scale;
  const double from_x = center[0] + translate[0], from_y = center[1] + translate[1];
  return {m0, m1, center[0] - m0 * from_x - m1 * from_y, m3, m4, center[1] - m3 * from_x - m4 * from_y, 0.0, 0.0};
}

Interpolation interpolation_of(const TransformSpec& spec) {
  const std::string& word = spec.word("interpolation");
  CONTRASTIVE_CHECK(word == "nearest" || word == "bilinear", kOptionError, spec.kind, ": unknown interpolation '", word,
                    "'");
  return word == "nearest" ? Interpolation::kNearest : Interpolation::kBilinear;
}

void warp(Canvas& canvas, const Mapping& m, Interpolation interpolation, float fill) {
  const Kernels& k = kernels();
  const Shape shape = canvas.shape();
  const int64_t area = canvas.area();
  const float* const from = canvas.pixels();
  float* const to = canvas.spare(shape.height, shape.width);
  const auto kernel = interpolation == Interpolation::kNearest ? k.warp_nearest : k.warp_bilinear;
  for (int row = 0; row < shape.height; ++row) {
    const double x = 0.5, y = row + 0.5;
    const WarpRow map = {static_cast<float>(m[0] * x + m[1] * y + m[2]), static_cast<float>(m[0]),
                         static_cast<float>(m[3] * x + m[4] * y + m[5]), static_cast<float>(m[3]),
                         static_cast<float>(m[6] * x + m[7] * y + 1.0),  static_cast<float>(m[6])};
    kernel(map, from, shape.channels, area, shape.height, shape.width, fill, to + int64_t{row} * shape.width, area,
           shape.width);
  }
  canvas.adopt(shape.height, shape.width);
}

void rotate(Canvas& canvas, double degrees, Interpolation interpolation, float fill) {
  const double angle = std::remainder(degrees, 360.0);
  if (angle == 0) return;
  if (std::abs(angle) == 180) {
    canvas.flip_horizontal();
    canvas.flip_vertical();
    return;
  }
  warp(canvas, inverse_affine(center_of(canvas.shape()), -angle, {0, 0}, 1.0, {0, 0}), interpolation, fill);
}

}  // namespace contrastive::augment
