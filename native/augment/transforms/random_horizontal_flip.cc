#include "augment/transform.h"

namespace contrastive::augment {
namespace {

class RandomHorizontalFlip final : public Transform {
 public:
  using Transform::Transform;
  void plan(const Drawn&, Shape, Plan& plan) const override {
    plan.emplace_back(operation::Flip{.horizontal = true, .vertical = false});
  }
};

CONTRASTIVE_TRANSFORM("randomHorizontalFlip", RandomHorizontalFlip);

}  // namespace
}  // namespace contrastive::augment
