// The levels of each channel. Source: torchvision v2 functional/_color.py, on float images.
#include <algorithm>

#include "augment/kernels.h"
#include "augment/operations.h"

namespace contrastive::augment::operation {
namespace {

// The new value of each level, from how many of `total` pixels have it. A level becomes the number of pixels below it
// in steps of a 255th of all pixels but the brightest level's; where that step is less than a pixel, levels stay. As
// Pillow's table.
std::array<float, 256> equalizing_table(const std::array<uint32_t, 256>& counts, int64_t total) {
  int brightest = 255;
  while (counts[brightest] == 0) --brightest;
  const int64_t step = (total - counts[brightest]) / 255;
  std::array<float, 256> table{};
  const int64_t half = step / 2;
  auto below = static_cast<double>(half);  // whole numbers: their quotients' whole parts are exact
  for (int level = 0; level < 256; ++level) {
    const int next = step == 0 ? level : static_cast<int>(std::min(below / static_cast<double>(step), 255.0));
    table[level] = static_cast<float>(next) / 255.0f;
    below += counts[level];
  }
  return table;
}

}  // namespace

void Invert::apply(Canvas& canvas) const { canvas.point({.kind = PointStep::kInvert}); }

void Solarize::apply(Canvas& canvas) const { canvas.point({.kind = PointStep::kSolarize, .a = threshold}); }

void Posterize::apply(Canvas& canvas) const {
  canvas.point({.kind = PointStep::kPosterize, .a = static_cast<float>(1 << bits)});
}

void Autocontrast::apply(Canvas& canvas) const {
  const float* const planes = canvas.pixels();
  for (int c = 0; c < canvas.shape().channels; ++c) {
    float low, high;
    kernels().extremes(planes + c * canvas.area(), canvas.area(), &low, &high);
    if (low == high) low = 0.0f, high = 1.0f;
    canvas.point({.kind = PointStep::kStretch, .a = 1.0f / (high - low), .b = low, .channel = c});
  }
}

void Equalize::apply(Canvas& canvas) const {
  const int64_t area = canvas.area();
  float* const planes = canvas.pixels();
  for (int c = 0; c < canvas.shape().channels; ++c) {
    std::array<uint32_t, 256> counts{};
    kernels().count_levels(planes + c * area, area, counts.data());
    kernels().look_up(planes + c * area, area, equalizing_table(counts, area).data());
  }
}

void Normalize::apply(Canvas& canvas) const { canvas.normalize(mean, std); }

}  // namespace contrastive::augment::operation
