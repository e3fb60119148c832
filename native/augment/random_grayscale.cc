// Gray in all three channels; a gray image stays as it is. Source: torchvision v2 RandomGrayscale.
#include "augment/transform.h"

namespace contrastive::augment {
namespace {

class RandomGrayscale final : public Transform {
 public:
  using Transform::Transform;

  Shape output_shape(Shape input) const override { return expect_color(input); }
  Drawn draw(Philox&, Shape) const override { return Drawn::plain(); }

  void apply(Canvas& canvas, const Drawn&) const override {
    if (canvas.shape().channels == 3) canvas.point({.kind = PointStep::kGray});
  }
};

CONTRASTIVE_TRANSFORM("randomGrayscale", RandomGrayscale);

}  // namespace
}  // namespace contrastive::augment
