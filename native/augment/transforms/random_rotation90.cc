#include "augment/transform.h"

namespace contrastive::augment {
namespace {

class RandomRotation90 final : public Transform {
 public:
  using Transform::Transform;

  std::vector<std::string> drawn_names() const override { return {"turns"}; }

  // Results of one batch have one shape, so an image that is not square takes half turns only.
  Drawn draw(Philox& random, Shape input) const override {
    if (input.height != input.width) return {static_cast<double>(2 * random.below(2))};
    return {static_cast<double>(random.below(4))};
  }

  void check_drawn(const Drawn& drawn, Shape input) const override {
    Transform::check_drawn(drawn, input);
    const bool whole = drawn[0] == 0 || drawn[0] == 1 || drawn[0] == 2 || drawn[0] == 3;
    CONTRASTIVE_CHECK(whole, kOptionError, kind(), ": turns must be 0, 1, 2 or 3, got ", drawn[0]);
    CONTRASTIVE_CHECK(drawn.at(0) % 2 == 0 || input.height == input.width, kOptionError, kind(),
                      ": turns must be 0 or 2 for an image of ", input.height, " x ", input.width, ", got ", drawn[0]);
  }

  void plan(const Drawn& drawn, Shape, Plan& plan) const override {
    if (drawn.at(0) != 0) plan.emplace_back(operation::Rotate90{drawn.at(0)});
  }
};

CONTRASTIVE_TRANSFORM("randomRotation90", RandomRotation90);

}  // namespace
}  // namespace contrastive::augment
