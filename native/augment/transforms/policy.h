// The operations that RandAugment, TrivialAugment and AutoAugment choose from, and their strengths. Source: torchvision
// v2, transforms/v2/_auto_augment.py.
#pragma once

#include "augment/transform.h"

namespace contrastive::augment {

// Drawn as numbers: the order is part of what a saved draw means.
enum class PolicyOp {
  kIdentity,
  kShearX,      // magnitude: pixels a row
  kShearY,      // pixels a column
  kTranslateX,  // pixels, of which the whole part counts
  kTranslateY,
  kRotate,        // degrees, counter-clockwise
  kBrightness,    // factor - 1
  kColor,         // saturation: factor - 1
  kContrast,      // factor - 1
  kSharpness,     // factor - 1
  kPosterize,     // bits
  kSolarize,      // threshold in [0, 1]
  kAutoContrast,  // these take no magnitude: 0
  kEqualize,
  kInvert,
};
constexpr int kPolicyOps = 15;
// Those before kInvert are what RandAugment and TrivialAugment draw from.
constexpr int kUniformOps = 14;

// The largest magnitudes of a search space; the smallest are 0, 8 bits and a threshold of 1.
struct PolicySpace {
  double shear, translate_x, translate_y, rotate, enhance;
  int posterize;  // bits that go
};

// Of RandAugment and AutoAugment, where images may be translated by 150/331 of their sides, and of TrivialAugment.
PolicySpace standard_space(Shape input);
PolicySpace wide_space();

// Bin `bin` of `bins` >= 2 from the weakest to the strongest, without a sign. Computed in float, as torch.linspace.
double policy_magnitude(PolicyOp op, const PolicySpace& space, int bin, int bins);

// Those whose magnitude is negated half of the time.
bool is_signed(PolicyOp op);

// What the three transforms share: numbers `interpolation` and `fill`, and operations with magnitudes as drawn numbers.
class PolicyTransform : public Transform {
 public:
  explicit PolicyTransform(const TransformSpec& spec) : Transform(spec), sampling_(spec.sampling()) {}

  // All of `op`, then all of `magnitude`.
  std::vector<std::string> drawn_names() const override;
  Shape output_shape(Shape input) const override { return expect_color(input); }
  void check_drawn(const Drawn& drawn, Shape input) const override;
  void plan(const Drawn& drawn, Shape input, Plan& plan) const override;

 protected:
  struct Choice {
    PolicyOp op = PolicyOp::kIdentity;
    double magnitude = 0;
  };

  // How many operations are drawn.
  virtual int operations() const = 0;
  // The choice with its sign drawn.
  static Choice choose(Philox& random, PolicyOp op, const PolicySpace& space, int bin, int bins);
  static Drawn to_drawn(const std::vector<Choice>& choices);

 private:
  Sampling sampling_;
};

}  // namespace contrastive::augment
