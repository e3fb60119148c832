// Blends each channel with its 3 x 3 smoothed self; the border pixels stay, as does an image less than 3 pixels wide or
// high. Source: torchvision v2 RandomAdjustSharpness.
#include <algorithm>

#include "augment/kernels.h"
#include "augment/operations.h"
#include "augment/transform.h"

namespace contrastive::augment {

void adjust_sharpness(Canvas& canvas, float factor) {
  const Shape shape = canvas.shape();
  const int height = shape.height, width = shape.width;
  if (factor == 1 || height < 3 || width < 3) return;
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

namespace {

class AdjustSharpness final : public Transform {
 public:
  explicit AdjustSharpness(const TransformSpec& spec)
      : Transform(spec), factor_(static_cast<float>(spec.number("factor"))) {
    CONTRASTIVE_CHECK(factor_ >= 0, kOptionError, kind(), ": factor must be >= 0, got ", factor_);
  }

  Drawn draw(Philox&, Shape) const override { return Drawn::plain(); }
  void apply(Canvas& canvas, const Drawn&) const override { adjust_sharpness(canvas, factor_); }

 private:
  float factor_;
};

CONTRASTIVE_TRANSFORM("adjustSharpness", AdjustSharpness);

}  // namespace
}  // namespace contrastive::augment
