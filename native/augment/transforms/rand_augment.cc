// A number of operations in sequence, drawn uniformly and with repetition, all of one strength. Source: Cubuk et al.
// 2020, "RandAugment", arXiv:1909.13719, as torchvision v2 RandAugment.
#include "augment/transforms/policy.h"

namespace contrastive::augment {
namespace {

constexpr int kMostOperations = Drawn::kMost / 2;  // each draws two numbers

class RandAugment final : public PolicyTransform {
 public:
  explicit RandAugment(const TransformSpec& spec)
      : PolicyTransform(spec),
        operations_(spec.integer("numOps", {.min = 1, .max = kMostOperations})),
        bins_(spec.integer("numMagnitudeBins", {.min = 2})),
        magnitude_(spec.integer("magnitude", {.min = 0, .max = bins_ - 1.0})) {}

  Drawn draw(Philox& random, Shape input) const override {
    const PolicySpace space = standard_space(input);
    std::vector<Choice> choices(operations_);
    for (Choice& choice : choices)
      choice = choose(random, static_cast<PolicyOp>(random.below(kUniformOps)), space, magnitude_, bins_);
    return to_drawn(choices);
  }

 protected:
  int operations() const override { return operations_; }

 private:
  int operations_, bins_, magnitude_;
};

CONTRASTIVE_TRANSFORM("randAugment", RandAugment);

}  // namespace
}  // namespace contrastive::augment
