// Noise, and rectangles overwritten.
#include <algorithm>
#include <limits>

#include "augment/kernels.h"
#include "augment/operations.h"

namespace contrastive::augment::operation {
namespace {

// Calls `fill_row(pixels, channel, y)` for each row of the window in each channel.
template <typename FillRow>
void fill_window(Canvas& canvas, const Window& window, const FillRow& fill_row) {
  const Shape shape = canvas.shape();
  float* const planes = canvas.pixels();
  for (int c = 0; c < shape.channels; ++c)
    for (int y = 0; y < window.height; ++y)
      fill_row(planes + c * canvas.area() + int64_t{window.top + y} * shape.width + window.left, c, y);
}

}  // namespace

void GaussianNoise::apply(Canvas& canvas) const {
  constexpr float kNone = std::numeric_limits<float>::infinity();
  const float low = clip ? 0.0f : -kNone, high = clip ? 1.0f : kNone;
  kernels().add_normal_noise(key.data(), static_cast<float>(mean), static_cast<float>(sigma), low, high,
                             canvas.pixels(), canvas.area() * canvas.shape().channels);
}

void Erase::apply(Canvas& canvas) const {
  fill_window(canvas, window, [&](float* row, int c, int) {
    std::fill_n(row, window.width, static_cast<float>(value[value.size() == 1 ? 0 : c]));
  });
}

void EraseWithNoise::apply(Canvas& canvas) const {
  const int64_t area = int64_t{window.height} * window.width, count = area * canvas.shape().channels;
  canvas.pixels();  // first, since reading the source takes the scratch
  float* const noise = canvas.scratch(count);
  kernels().normal_noise(key.data(), noise, count);
  fill_window(canvas, window, [&](float* row, int c, int y) {
    std::copy_n(noise + c * area + int64_t{y} * window.width, window.width, row);
  });
}

}  // namespace contrastive::augment::operation
