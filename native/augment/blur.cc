#include "augment/blur.h"

#include <cmath>
#include <cstdint>

#include "augment/kernels.h"

namespace contrastive::augment {
namespace {

int64_t reflect(int64_t i, int64_t n) { return i < 0 ? -i : (i >= n ? 2 * (n - 1) - i : i); }

}  // namespace

std::vector<float> gaussian_weights(int size, double sigma) {
  constexpr double kNegligible = 1e-8;
  const int radius = size / 2;
  std::vector<double> exact(size);
  double total = 0.0;
  for (int i = 0; i < size; ++i) {
    const double distance = (i - radius) / sigma;
    total += exact[i] = std::exp(-0.5 * distance * distance);
  }
  int skip = 0;
  while (skip < radius && exact[skip] < kNegligible * total) ++skip;
  std::vector<float> weights;
  for (int i = skip; i < size - skip; ++i) weights.push_back(static_cast<float>(exact[i] / total));
  return weights;
}

void blur_plane(const float* from, float* to, int height, int width, const std::vector<float>& vertical,
                const std::vector<float>& horizontal, float* padded) {
  const Kernels& k = kernels();
  const int tall = static_cast<int>(vertical.size()), wide = static_cast<int>(horizontal.size());
  const int radius = wide / 2;
  std::vector<const float*> above(tall), beside(wide);
  for (int t = 0; t < wide; ++t) beside[t] = padded + t;
  for (int y = 0; y < height; ++y) {
    for (int t = 0; t < tall; ++t) above[t] = from + reflect(int64_t{y} + t - tall / 2, height) * width;
    k.blend_rows(above.data(), vertical.data(), tall, padded + radius, width);
    for (int i = 1; i <= radius; ++i) {
      padded[radius - i] = padded[radius + i];
      padded[radius + width - 1 + i] = padded[radius + width - 1 - i];
    }
    k.blend_rows(beside.data(), horizontal.data(), wide, to + int64_t{y} * width, width);
  }
}

}  // namespace contrastive::augment
