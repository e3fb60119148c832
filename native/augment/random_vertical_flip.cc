// Swaps top and bottom. Source: torchvision v2 RandomVerticalFlip.
#include "augment/transform.h"

namespace contrastive::augment {
namespace {

class RandomVerticalFlip final : public Transform {
 public:
  using Transform::Transform;
  Drawn draw(Philox&, Shape) const override { return Drawn::plain(); }
  void apply(Canvas& canvas, const Drawn&) const override { canvas.flip_vertical(); }
};

CONTRASTIVE_TRANSFORM("randomVerticalFlip", RandomVerticalFlip);

}  // namespace
}  // namespace contrastive::augment
