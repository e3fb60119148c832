#include "augment/transform.h"

namespace contrastive::augment {
namespace {

class Sobel final : public Transform {
 public:
  using Transform::Transform;
  void plan(const Drawn&, Shape, Plan& plan) const override { plan.emplace_back(operation::Sobel{}); }
};

CONTRASTIVE_TRANSFORM("sobel", Sobel);

}  // namespace
}  // namespace contrastive::augment
