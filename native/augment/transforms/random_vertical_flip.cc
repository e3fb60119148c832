#include "augment/transform.h"

namespace contrastive::augment {
namespace {

class RandomVerticalFlip final : public Transform {
 public:
  using Transform::Transform;
  void plan(const Drawn&, Shape, Plan& plan) const override {
    plan.emplace_back(operation::Flip{.horizontal = false, .vertical = true});
  }
};

CONTRASTIVE_TRANSFORM("randomVerticalFlip", RandomVerticalFlip);

}  // namespace
}  // namespace contrastive::augment
