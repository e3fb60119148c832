// The length of each channel's gradient: r = sqrt(x^2 + y^2), at most 1, where x and y are the responses of Sobel's
// operator, [-1 0 1] smoothed across by [1 2 1] / 4, each 1 at a step from 0 to 1. Beyond the border lies the border's
// value. Source: the "Sobel filtering" of SimCLR (Chen et al. 2020, arXiv:2002.05709, fig. 4), whose code is not
// public; the operator of Sobel & Feldman 1968 as scipy.ndimage.sobel (mode 'nearest') / 4.
#include <algorithm>

#include "augment/kernels.h"
#include "augment/transform.h"

namespace contrastive::augment {
namespace {

class Sobel final : public Transform {
 public:
  using Transform::Transform;
  Drawn draw(Philox&, Shape) const override { return Drawn::plain(); }

  void apply(Canvas& canvas, const Drawn&) const override {
    const Shape shape = canvas.shape();
    const int height = shape.height, width = shape.width, pitch = width + 2;
    const float* from = canvas.pixels();
    float* to = canvas.spare(height, width);
    float* const rows = canvas.scratch(int64_t{3} * pitch);  // row y with its edges is at place y mod 3
    const auto padded = [&](int c, int y) {
      const float* row = from + (int64_t{c} * height + y) * width;
      float* copy = rows + int64_t{y % 3} * pitch;
      copy[0] = row[0];
      std::copy_n(row, width, copy + 1);
      copy[width + 1] = row[width - 1];
    };
    const auto place = [&](int y) { return rows + int64_t{std::clamp(y, 0, height - 1) % 3} * pitch + 1; };
    for (int c = 0; c < shape.channels; ++c) {
      padded(c, 0);
      for (int y = 0; y < height; ++y) {
        if (y + 1 < height) padded(c, y + 1);
        kernels().edges(place(y - 1), place(y), place(y + 1), to + (int64_t{c} * height + y) * width, width);
      }
    }
    canvas.adopt(height, width);
  }
};

CONTRASTIVE_TRANSFORM("sobel", Sobel);

}  // namespace
}  // namespace contrastive::augment
