// A random window of an area and a ratio of sides: what the resized crop and erasing share.
#pragma once

#include <optional>

#include "augment/transform.h"

namespace contrastive::augment {

struct Sides {
  double height, width;
};

// Up to 10 tries: an area A U(scale) and a ratio exp(U(log ratio)), of which `sides` makes (height, width), rounded;
// the first that `fits` gets a place. Returns [top, left, height, width], or nothing when none fits. Source:
// torchvision v2, RandomResizedCrop and RandomErasing, which differ in `sides` and `fits`.
template <typename MakeSides, typename Fits>
std::optional<Drawn> draw_window(Philox& random, Shape input, std::array<double, 2> scale, std::array<double, 2> ratio,
                                 const MakeSides& sides, const Fits& fits) {
  const double area = static_cast<double>(input.height) * input.width;
  const double log_low = std::log(ratio[0]), log_high = std::log(ratio[1]);
  for (int attempt = 0; attempt < 10; ++attempt) {
    const double target = area * random.uniform(scale[0], scale[1]);
    const Sides exact = sides(target, std::exp(random.uniform(log_low, log_high)));
    const Sides rounded = {std::nearbyint(exact.height), std::nearbyint(exact.width)};
    if (!fits(rounded)) continue;
    const auto top = static_cast<double>(random.below(input.height - static_cast<int>(rounded.height) + 1));
    const auto left = static_cast<double>(random.below(input.width - static_cast<int>(rounded.width) + 1));
    return Drawn{top, left, rounded.height, rounded.width};
  }
  return std::nullopt;
}

}  // namespace contrastive::augment
