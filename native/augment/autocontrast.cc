// Stretches each channel so that its darkest value becomes 0 and its brightest 1; a channel of one value stays. Source:
// torchvision v2 RandomAutocontrast.
#include "augment/kernels.h"
#include "augment/operations.h"
#include "augment/transform.h"

namespace contrastive::augment {

void autocontrast(Canvas& canvas) {
  const float* const planes = canvas.pixels();
  for (int c = 0; c < canvas.shape().channels; ++c) {
    float low, high;
    kernels().extremes(planes + c * canvas.area(), canvas.area(), &low, &high);
    if (low == high) low = 0.0f, high = 1.0f;
    canvas.point({.kind = PointStep::kStretch, .a = 1.0f / (high - low), .b = low, .channel = c});
  }
}

namespace {

class Autocontrast final : public Transform {
 public:
  using Transform::Transform;
  Drawn draw(Philox&, Shape) const override { return Drawn::plain(); }
  void apply(Canvas& canvas, const Drawn&) const override { autocontrast(canvas); }
};

CONTRASTIVE_TRANSFORM("autocontrast", Autocontrast);

}  // namespace
}  // namespace contrastive::augment
