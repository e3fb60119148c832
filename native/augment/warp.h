// Resampling through an inverse mapping: what rotation, affine, perspective and the policies share.
#pragma once

#include <array>
#include <string>

#include "augment/transform.h"

namespace contrastive::augment {

// Source position of the output pixel whose centre is (x, y), both in pixels from the top left corner:
//   ((m[0] x + m[1] y + m[2]) / (m[6] x + m[7] y + 1), (m[3] x + m[4] y + m[5]) / (m[6] x + m[7] y + 1))
using Mapping = std::array<double, 8>;

using Point = std::array<double, 2>;  // x, y

inline Point center_of(Shape shape) { return {0.5 * shape.width, 0.5 * shape.height}; }

// The inverse of: shear, scale and rotate about `center`, then translate. Degrees and pixels. Source: torchvision
// functional/_geometry.py, _get_inverse_affine_matrix.
Mapping inverse_affine(Point center, double angle, Point translate, double scale, Point shear);

enum class Interpolation { kNearest, kBilinear };

Interpolation interpolation_of(const TransformSpec& spec);

// Same size; what lies outside the source becomes `fill`.
void warp(Canvas& canvas, const Mapping& mapping, Interpolation interpolation, float fill);

// About the centre, counter-clockwise; half turns move pixels, and a turn by 0 does nothing.
void rotate(Canvas& canvas, double degrees, Interpolation interpolation, float fill);

}  // namespace contrastive::augment
