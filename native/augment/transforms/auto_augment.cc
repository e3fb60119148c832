// One of 25 learned pairs of operations, each of which is applied with its own probability. Source: Cubuk et al. 2019,
// "AutoAugment", arXiv:1805.09501, as torchvision v2 AutoAugment.
#include "augment/transforms/auto_augment_policies.h"
#include "core/choice.h"

namespace contrastive::augment {
namespace {

const Policy& policy_of(const TransformSpec& spec) {
  constexpr const Policy* kPolicies[] = {&kImagenetPolicy, &kCifar10Policy, &kSvhnPolicy};
  return *kPolicies[choice_of<int>(spec.kind + ": policy", spec.word("policy"), {"imagenet", "cifar10", "svhn"})];
}

class AutoAugment final : public PolicyTransform {
 public:
  explicit AutoAugment(const TransformSpec& spec) : PolicyTransform(spec), policy_(policy_of(spec)) {}

  // A step that is not applied is drawn as the identity.
  Drawn draw(Philox& random, Shape input) const override {
    constexpr int kBins = 10;
    const PolicySpace space = standard_space(input);
    const SubPolicy& steps = policy_[random.below(static_cast<int64_t>(policy_.size()))];
    std::vector<Choice> choices(steps.size());
    for (size_t i = 0; i < steps.size(); ++i)
      if (random.uniform() < steps[i].probability) choices[i] = choose(random, steps[i].op, space, steps[i].bin, kBins);
    return to_drawn(choices);
  }

 protected:
  int operations() const override { return 2; }

 private:
  const Policy& policy_;
};

CONTRASTIVE_TRANSFORM("autoAugment", AutoAugment);

}  // namespace
}  // namespace contrastive::augment
