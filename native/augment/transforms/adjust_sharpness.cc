#include "augment/plan.h"
#include "augment/transform.h"

namespace contrastive::augment {
namespace {

class AdjustSharpness final : public Transform {
 public:
  explicit AdjustSharpness(const TransformSpec& spec)
      : Transform(spec), factor_(static_cast<float>(spec.number("factor", {.min = 0}))) {}

  void plan(const Drawn&, Shape, Plan& plan) const override { adjust<operation::AdjustSharpness>(plan, factor_); }

 private:
  float factor_;
};

CONTRASTIVE_TRANSFORM("adjustSharpness", AdjustSharpness);

}  // namespace
}  // namespace contrastive::augment
