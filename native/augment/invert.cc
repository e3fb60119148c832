// x -> 1 - x. Source: torchvision v2 RandomInvert.
#include "augment/operations.h"
#include "augment/transform.h"

namespace contrastive::augment {

void invert(Canvas& canvas) { canvas.point({.kind = PointStep::kInvert}); }

namespace {

class Invert final : public Transform {
 public:
  using Transform::Transform;
  Drawn draw(Philox&, Shape) const override { return Drawn::plain(); }
  void apply(Canvas& canvas, const Drawn&) const override { invert(canvas); }
};

CONTRASTIVE_TRANSFORM("invert", Invert);

}  // namespace
}  // namespace contrastive::augment
