#include "augment/transform.h"

namespace contrastive::augment {
namespace {

class RandomGrayscale final : public Transform {
 public:
  using Transform::Transform;
  Shape output_shape(Shape input) const override { return expect_color(input); }
  void plan(const Drawn&, Shape, Plan& plan) const override { plan.emplace_back(operation::Grayscale{}); }
};

CONTRASTIVE_TRANSFORM("randomGrayscale", RandomGrayscale);

}  // namespace
}  // namespace contrastive::augment
