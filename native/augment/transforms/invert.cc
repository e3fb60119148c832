#include "augment/transform.h"

namespace contrastive::augment {
namespace {

class Invert final : public Transform {
 public:
  using Transform::Transform;
  void plan(const Drawn&, Shape, Plan& plan) const override { plan.emplace_back(operation::Invert{}); }
};

CONTRASTIVE_TRANSFORM("invert", Invert);

}  // namespace
}  // namespace contrastive::augment
