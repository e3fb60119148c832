// A number of operations in sequence, drawn uniformly and with repetition, all of one strength. Source: Cubuk et al.
// 2020, "RandAugment", arXiv:1909.13719, as torchvision v2 RandAugment.
#include "augment/policy.h"

namespace contrastive::augment {
namespace {

class RandAugment final : public PolicyTransform {
 public:
  explicit RandAugment(const TransformSpec& spec)
      : PolicyTransform(spec),
        operations_(spec.integer("numOps")),
        magnitude_(spec.integer("magnitude")),
        bins_(spec.integer("numMagnitudeBins")) {
    CONTRASTIVE_CHECK(operations_ >= 1 && operations_ <= Drawn::kMost / 2, kOptionError, kind(),
                      ": numOps must be in [1, ", Drawn::kMost / 2, "], got ", operations_);
    CONTRASTIVE_CHECK(bins_ >= 2, kOptionError, kind(), ": numMagnitudeBins must be >= 2, got ", bins_);
    CONTRASTIVE_CHECK(magnitude_ >= 0 && magnitude_ < bins_, kOptionError, kind(), ": magnitude must be in [0, ",
                      bins_ - 1, "], got ", magnitude_);
  }

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
  int operations_, magnitude_, bins_;
};

CONTRASTIVE_TRANSFORM("randAugment", RandAugment);

}  // namespace
}  // namespace contrastive::augment
