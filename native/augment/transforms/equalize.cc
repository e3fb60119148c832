#include "augment/transform.h"

namespace contrastive::augment {
namespace {

class Equalize final : public Transform {
 public:
  using Transform::Transform;
  void plan(const Drawn&, Shape, Plan& plan) const override { plan.emplace_back(operation::Equalize{}); }
};

CONTRASTIVE_TRANSFORM("equalize", Equalize);

}  // namespace
}  // namespace contrastive::augment
