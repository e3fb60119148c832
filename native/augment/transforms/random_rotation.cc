#include "augment/plan.h"
#include "augment/transform.h"

namespace contrastive::augment {
namespace {

class RandomRotation final : public Transform {
 public:
  explicit RandomRotation(const TransformSpec& spec)
      : Transform(spec), degrees_(spec.range("degrees")), sampling_(spec.sampling()) {}

  std::vector<std::string> drawn_names() const override { return {"angle"}; }
  Drawn draw(Philox& random, Shape) const override { return {random.uniform(degrees_[0], degrees_[1])}; }

  void plan(const Drawn& drawn, Shape input, Plan& plan) const override { rotate(plan, drawn[0], input, sampling_); }

 private:
  std::array<double, 2> degrees_;
  Sampling sampling_;
};

CONTRASTIVE_TRANSFORM("randomRotation", RandomRotation);

}  // namespace
}  // namespace contrastive::augment
