// One operation, of a strength drawn uniformly from a wide range. Source: Müller & Hutter 2021, "TrivialAugment",
// arXiv:2103.10158, as torchvision v2 TrivialAugmentWide.
#include "augment/transforms/policy.h"

namespace contrastive::augment {
namespace {

class TrivialAugmentWide final : public PolicyTransform {
 public:
  explicit TrivialAugmentWide(const TransformSpec& spec)
      : PolicyTransform(spec), bins_(spec.integer("numMagnitudeBins", {.min = 2})) {}

  Drawn draw(Philox& random, Shape) const override {
    const auto op = static_cast<PolicyOp>(random.below(kUniformOps));
    const int bin = static_cast<int>(random.below(bins_));
    return to_drawn({choose(random, op, wide_space(), bin, bins_)});
  }

 protected:
  int operations() const override { return 1; }

 private:
  int bins_;
};

CONTRASTIVE_TRANSFORM("trivialAugmentWide", TrivialAugmentWide);

}  // namespace
}  // namespace contrastive::augment
