// Pixels read at computed positions.
#include <algorithm>

#include "augment/blur.h"
#include "augment/kernels.h"
#include "augment/operations.h"

namespace contrastive::augment::operation {
namespace {

Outside outside_of(const Sampling& sampling) {
  return {static_cast<float>(sampling.fill.value_or(0)), sampling.fill.has_value()};
}

}  // namespace

void Warp::apply(Canvas& canvas) const {
  const Kernels& k = kernels();
  const Mapping& m = mapping;
  const Shape shape = canvas.shape();
  const int64_t area = canvas.area();
  const float* const from = canvas.pixels();
  float* const to = canvas.spare(shape.height, shape.width);
  const auto kernel = sampling.interpolation == Interpolation::kNearest ? k.warp_nearest : k.warp_bilinear;
  for (int row = 0; row < shape.height; ++row) {
    const double x = 0.5, y = row + 0.5;
    const WarpRow map = {static_cast<float>(m[0] * x + m[1] * y + m[2]), static_cast<float>(m[0]),
                         static_cast<float>(m[3] * x + m[4] * y + m[5]), static_cast<float>(m[3]),
                         static_cast<float>(m[6] * x + m[7] * y + 1.0),  static_cast<float>(m[6])};
    kernel(map, from, shape.channels, area, shape.height, shape.width, outside_of(sampling),
           to + int64_t{row} * shape.width, area, shape.width);
  }
  canvas.adopt(shape.height, shape.width);
}

// The first half of the noise moves pixels across, the second down. Both are smoothed by sigma x across and sigma y
// down.
void Elastic::apply(Canvas& canvas) const {
  const Kernels& k = kernels();
  const Shape shape = canvas.shape();
  const int height = shape.height, width = shape.width;
  const int64_t area = canvas.area();
  const float* const from = canvas.pixels();
  float* const to = canvas.spare(height, width);
  float* const noise = canvas.scratch(4 * area + width + std::max(kernel_size(0), kernel_size(1)));
  float *const across = noise + 2 * area, *const down = across + area, *const padded = down + area;
  k.uniform_noise(key.data(), noise, 2 * area);
  for (int axis = 0; axis < 2; ++axis) {
    const std::vector<float> vertical = gaussian_weights(kernel_size(axis), sigma[1]);
    std::vector<float> horizontal = gaussian_weights(kernel_size(axis), sigma[0]);
    for (float& weight : horizontal) weight *= static_cast<float>(0.5 * alpha[axis]);
    blur_plane(noise + axis * area, across + axis * area, height, width, vertical, horizontal, padded);
  }
  const auto displace = sampling.interpolation == Interpolation::kNearest ? k.displace_nearest : k.displace_bilinear;
  for (int y = 0; y < height; ++y) {
    const int64_t row = int64_t{y} * width;
    displace(across + row, down + row, y, from, shape.channels, area, height, width, outside_of(sampling), to + row,
             area);
  }
  canvas.adopt(height, width);
}

}  // namespace contrastive::augment::operation
