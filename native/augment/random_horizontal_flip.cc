// Swaps left and right. Source: torchvision v2 RandomHorizontalFlip.
#include "augment/transform.h"

namespace contrastive::augment {
namespace {

class RandomHorizontalFlip final : public Transform {
 public:
  using Transform::Transform;
  Drawn draw(Philox&, Shape) const override { return Drawn::plain(); }
  void apply(Canvas& canvas, const Drawn&) const override { canvas.flip_horizontal(); }
};

CONTRASTIVE_TRANSFORM("randomHorizontalFlip", RandomHorizontalFlip);

}  // namespace
}  // namespace contrastive::augment
