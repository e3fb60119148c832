// What only moves pixels.
#include <algorithm>
#include <utility>

#include "augment/operations.h"

namespace contrastive::augment {

int padded_index(int i, int n, PaddingMode mode) {
  if (i >= 0 && i < n) return i;
  if (mode == PaddingMode::kEdge) return std::clamp(i, 0, n - 1);
  if (mode == PaddingMode::kConstant) return -1;
  const int skip = mode == PaddingMode::kReflect ? 1 : 0;  // the border pixel, which kSymmetric repeats
  return i < 0 ? -i - 1 + skip : n - 1 - (i - n) - skip;
}

namespace operation {
namespace {

// Square tiles of floats, two of which fit into the first-level cache: rows of one are columns of the other.
constexpr int kTile = 32;

void transpose(float* plane, int size) {
  for (int top = 0; top < size; top += kTile)
    for (int left = top; left < size; left += kTile)
      for (int y = top; y < std::min(top + kTile, size); ++y)
        for (int x = std::max(left, y + 1); x < std::min(left + kTile, size); ++x)
          std::swap(plane[int64_t{y} * size + x], plane[int64_t{x} * size + y]);
}

}  // namespace

void Crop::apply(Canvas& canvas) const {
  const Shape shape = canvas.shape();
  const int top = window.top - padding.top, left = window.left - padding.left;
  const int height = window.height, width = window.width;
  if (top >= 0 && left >= 0 && top + height <= shape.height && left + width <= shape.width) {
    canvas.crop(top, left, height, width);
    return;
  }
  const auto fill = static_cast<float>(padding.fill);
  const float* from = canvas.pixels();
  float* to = canvas.spare(height, width);
  for (int c = 0; c < shape.channels; ++c) {
    for (int y = 0; y < height; ++y) {
      const int row = padded_index(top + y, shape.height, padding.mode);
      const float* source = from + (int64_t{c} * shape.height + std::max(row, 0)) * shape.width;
      for (int x = 0; x < width; ++x) {
        const int column = padded_index(left + x, shape.width, padding.mode);
        *to++ = row < 0 || column < 0 ? fill : source[column];
      }
    }
  }
  canvas.adopt(height, width);
}

void Flip::apply(Canvas& canvas) const {
  if (horizontal) canvas.flip_horizontal();
  if (vertical) canvas.flip_vertical();
}

// One turn takes (y, x) to (size - 1 - x, y): a transposition, then top and bottom swap. Three go the other way.
void Rotate90::apply(Canvas& canvas) const {
  if (turns % 2 == 1)
    for (int c = 0; c < canvas.shape().channels; ++c) transpose(canvas.plane(c), canvas.shape().width);
  if (turns == 1 || turns == 2) canvas.flip_vertical();
  if (turns == 2 || turns == 3) canvas.flip_horizontal();
}

}  // namespace operation
}  // namespace contrastive::augment
