#include "augment/mapping.h"

#include <cmath>
#include <numbers>

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

Mapping inverse_rotation(Shape shape, double degrees) {
  return inverse_affine(center_of(shape), -std::remainder(degrees, 360.0), {0, 0}, 1.0, {0, 0});
}

}  // namespace contrastive::augment
