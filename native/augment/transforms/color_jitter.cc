// Brightness, contrast, saturation and hue, each by a random factor and in a random order. Source: torchvision v2
// ColorJitter; SimCLR's color distortion (Chen et al. 2020, appendix A).
#include <utility>

#include "augment/plan.h"
#include "augment/transform.h"

namespace contrastive::augment {
namespace {

class ColorJitter final : public Transform {
 public:
  explicit ColorJitter(const TransformSpec& spec)
      : Transform(spec),
        ranges_{spec.range("brightness", {.min = 0}), spec.range("contrast", {.min = 0}),
                spec.range("saturation", {.min = 0}), spec.range("hue", {.min = -0.5, .max = 0.5})} {}

  // `order` lists operations as 0 brightness, 1 contrast, 2 saturation, 3 hue.
  std::vector<std::string> drawn_names() const override {
    return {"order", "order", "order", "order", "brightness", "contrast", "saturation", "hue"};
  }

  Shape output_shape(Shape input) const override { return expect_color(input); }

  Drawn draw(Philox& random, Shape) const override {
    double order[4] = {0, 1, 2, 3};
    for (int i = 3; i > 0; --i) std::swap(order[i], order[random.below(i + 1)]);
    double factor[4];
    for (int i = 0; i < 4; ++i) factor[i] = random.uniform(ranges_[i][0], ranges_[i][1]);
    return {order[0], order[1], order[2], order[3], factor[0], factor[1], factor[2], factor[3]};
  }

  void check_drawn(const Drawn& drawn, Shape input) const override {
    Transform::check_drawn(drawn, input);
    int seen = 0;
    for (int i = 0; i < 4; ++i)
      if (drawn[i] == 0 || drawn[i] == 1 || drawn[i] == 2 || drawn[i] == 3) seen |= 1 << drawn.at(i);
    CONTRASTIVE_CHECK(seen == 15, kOptionError, kind(), ": order must be a permutation of 0, 1, 2, 3");
    CONTRASTIVE_CHECK(drawn[4] >= 0 && drawn[5] >= 0 && drawn[6] >= 0 && std::abs(drawn[7]) <= 0.5, kOptionError,
                      kind(), ": factors must be >= 0 and hue in [-0.5, 0.5]");
  }

  void plan(const Drawn& drawn, Shape, Plan& plan) const override {
    constexpr void (*kAdjust[])(Plan&, float) = {adjust<operation::AdjustBrightness>, adjust<operation::AdjustContrast>,
                                                 adjust<operation::AdjustSaturation>, adjust<operation::AdjustHue, 0>};
    for (int i = 0; i < 4; ++i) kAdjust[drawn.at(i)](plan, static_cast<float>(drawn[4 + drawn.at(i)]));
  }

 private:
  std::array<std::array<double, 2>, 4> ranges_;
};

CONTRASTIVE_TRANSFORM("colorJitter", ColorJitter);

}  // namespace
}  // namespace contrastive::augment
