// Spreads each channel's values so that the 256 levels of a byte are about equally frequent. Source: torchvision v2
// RandomEqualize, which computes Pillow's table.
#include <algorithm>

#include "augment/kernels.h"
#include "augment/operations.h"
#include "augment/transform.h"

namespace contrastive::augment {
namespace {

// The new value of each level, from how many of `total` pixels have it. A level becomes the number of pixels below it
// in steps of a 255th of all pixels but the brightest level's; where that step is less than a pixel, levels stay.
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

void equalize(Canvas& canvas) {
  const int64_t area = canvas.area();
  float* const planes = canvas.pixels();
  for (int c = 0; c < canvas.shape().channels; ++c) {
    std::array<uint32_t, 256> counts{};
    kernels().count_levels(planes + c * area, area, counts.data());
    kernels().look_up(planes + c * area, area, equalizing_table(counts, area).data());
  }
}

namespace {

class Equalize final : public Transform {
 public:
  using Transform::Transform;
  Drawn draw(Philox&, Shape) const override { return Drawn::plain(); }
  void apply(Canvas& canvas, const Drawn&) const override { equalize(canvas); }
};

CONTRASTIVE_TRANSFORM("equalize", Equalize);

}  // namespace
}  // namespace contrastive::augment
