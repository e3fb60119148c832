// Resizing.
#include <algorithm>
#include <cmath>

#include "augment/operations.h"

namespace contrastive::augment {

void Taps::compute(int from, int to, int first, int count, bool reversed) {
  start.resize(count);
  if (from == to) {
    taps = 1;
    identity = !reversed;
    weights.assign(count, 1.0f);
    for (int i = 0; i < count; ++i) start[i] = reversed ? first + count - 1 - i : first + i;
    return;
  }
  identity = false;
  const double scale = static_cast<double>(from) / to;
  const double support = std::max(scale, 1.0), inverse = 1.0 / support;
  taps = static_cast<int>(std::min<double>(from, std::ceil(support) * 2 + 1));
  weights.assign(static_cast<size_t>(count) * taps, 0.0f);
  int used = 1;
  for (int i = 0; i < count; ++i) {
    const double center = scale * (first + i + 0.5);
    // NOLINTBEGIN(bugprone-incorrect-roundings): ATen's windows, which are part of the result.
    const int low = std::max(static_cast<int>(center - support + 0.5), 0);
    const int high = static_cast<int>(std::min<double>(center + support + 0.5, from));
    // NOLINTEND(bugprone-incorrect-roundings)
    const int at = reversed ? count - 1 - i : i;
    float* w = weights.data() + static_cast<size_t>(at) * taps;
    double total = 0.0;
    int begin = high;
    for (int j = low; j < high; ++j) total += std::max(0.0, 1.0 - std::abs((j - center + 0.5) * inverse));
    for (int j = low; j < high; ++j) {
      const double weight = std::max(0.0, 1.0 - std::abs((j - center + 0.5) * inverse)) / total;
      if (weight == 0.0) continue;  // the window's rim: not worth reading
      begin = std::min(begin, j);
      w[j - begin] = static_cast<float>(weight);
      used = std::max(used, j - begin + 1);
    }
    start[at] = begin;
  }
  // Every output gets the same number of taps; a window that would run past the end starts earlier, with zero weights.
  for (int i = 0; i < count; ++i) {
    float* w = weights.data() + static_cast<size_t>(i) * taps;
    const int shift = std::max(0, start[i] + used - from);
    float* to_row = weights.data() + static_cast<size_t>(i) * used;
    if (shift > 0) {
      std::move_backward(w, w + used - shift, w + used);
      std::fill(w, w + shift, 0.0f);
      start[i] -= shift;
    }
    if (used != taps) std::copy(w, w + used, to_row);
  }
  taps = used;
}

void operation::ResizedCrop::apply(Canvas& canvas) const {
  canvas.crop(window.top, window.left, window.height, window.width);
  canvas.resize(height, width);
}

}  // namespace contrastive::augment
