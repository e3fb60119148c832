#include "augment/transform.h"

namespace contrastive::augment {
namespace {

class Autocontrast final : public Transform {
 public:
  using Transform::Transform;
  void plan(const Drawn&, Shape, Plan& plan) const override { plan.emplace_back(operation::Autocontrast{}); }
};

CONTRASTIVE_TRANSFORM("autocontrast", Autocontrast);

}  // namespace
}  // namespace contrastive::augment
