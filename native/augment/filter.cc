// Filters over neighbourhoods.
#include <algorithm>

#include "augment/blur.h"
#include "augment/kernels.h"
#include "augment/operations.h"

namespace contrastive::augment::operation {

void AdjustSharpness::apply(Canvas& canvas) const {
  const Shape shape = canvas.shape();
  const int height = shape.height, width = shape.width;
  if (height < 3 || width < 3) return;  // nothing but border
  const Kernels& k = kernels();
  const float* from = canvas.pixels();
  float* to = canvas.spare(height, width);
  std::copy_n(from, canvas.area() * shape.channels, to);
  for (int c = 0; c < shape.channels; ++c)
    for (int y = 1; y < height - 1; ++y) {
      const int64_t row = (int64_t{c} * height + y) * width;
      k.sharpen(from + row - width, from + row, from + row + width, to + row, width, factor);
    }
  canvas.adopt(height, width);
}

void GaussianBlur::apply(Canvas& canvas) const {
  const std::vector<float> weights = gaussian_weights(kernel_size, sigma);
  if (weights.size() == 1) return;
  const Shape shape = canvas.shape();
  const int64_t area = canvas.area();
  const float* const from = canvas.pixels();
  float* const to = canvas.spare(shape.height, shape.width);
  float* const padded = canvas.scratch(shape.width + static_cast<int64_t>(weights.size()));
  for (int c = 0; c < shape.channels; ++c)
    blur_plane(from + c * area, to + c * area, shape.height, shape.width, weights, weights, padded);
  canvas.adopt(shape.height, shape.width);
}

void Sobel::apply(Canvas& canvas) const {
  const Shape shape = canvas.shape();
  const int height = shape.height, width = shape.width;
  const int64_t pitch = int64_t{width} + 2;
  const float* from = canvas.pixels();
  float* to = canvas.spare(height, width);
  float* const rows = canvas.scratch(3 * pitch);  // row y with its edges is at place y mod 3
  const auto padded = [&](int c, int y) {
    const float* row = from + (int64_t{c} * height + y) * width;
    float* copy = rows + y % 3 * pitch;
    copy[0] = row[0];
    std::copy_n(row, width, copy + 1);
    copy[width + 1] = row[width - 1];
  };
  const auto place = [&](int y) { return rows + std::clamp(y, 0, height - 1) % 3 * pitch + 1; };
  for (int c = 0; c < shape.channels; ++c) {
    padded(c, 0);
    for (int y = 0; y < height; ++y) {
      if (y + 1 < height) padded(c, y + 1);
      kernels().edges(place(y - 1), place(y), place(y + 1), to + (int64_t{c} * height + y) * width, width);
    }
  }
  canvas.adopt(height, width);
}

}  // namespace contrastive::augment::operation
