// Inverse mappings: which source position an output pixel shows.
#pragma once

#include <array>

#include "augment/canvas.h"

namespace contrastive::augment {

// Source position of the output pixel whose centre is (x, y), both in pixels from the top left corner:
//   ((m[0] x + m[1] y + m[2]) / (m[6] x + m[7] y + 1), (m[3] x + m[4] y + m[5]) / (m[6] x + m[7] y + 1))
using Mapping = std::array<double, 8>;

using Point = std::array<double, 2>;  // x, y

inline Point center_of(Shape shape) { return {0.5 * shape.width, 0.5 * shape.height}; }

// The inverse of: shear, scale and rotate about `center`, then translate. Degrees and pixels. Source: torchvision
// functional/_geometry.py, _get_inverse_affine_matrix.
Mapping inverse_affine(Point center, double angle, Point translate, double scale, Point shear);

// The inverse of a rotation about the centre, counter-clockwise.
Mapping inverse_rotation(Shape shape, double degrees);

}  // namespace contrastive::augment
