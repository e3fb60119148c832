#include "augment/transform.h"

namespace contrastive::augment {
namespace {

class Solarize final : public Transform {
 public:
  explicit Solarize(const TransformSpec& spec)
      : Transform(spec), threshold_(static_cast<float>(spec.number("threshold", {.min = 0, .max = 1}))) {}

  void plan(const Drawn&, Shape, Plan& plan) const override { plan.emplace_back(operation::Solarize{threshold_}); }

 private:
  float threshold_;
};

CONTRASTIVE_TRANSFORM("solarize", Solarize);

}  // namespace
}  // namespace contrastive::augment
