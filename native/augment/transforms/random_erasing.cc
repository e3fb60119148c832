// Fills a random rectangle with a value or with standard normal noise. Source: Zhong et al. 2020, "Random erasing data
// augmentation", as torchvision v2 RandomErasing; with value 0 and ratio 1, the cutout of DeVries & Taylor 2017.
#include "augment/checks.h"
#include "augment/transforms/window.h"

namespace contrastive::augment {
namespace {

class RandomErasing final : public Transform {
 public:
  explicit RandomErasing(const TransformSpec& spec)
      : Transform(spec),
        scale_(spec.range("scale", {.min = 0, .max = 1})),
        ratio_(spec.range("ratio", {.min = 0, .open = true})),
        noise_(spec.has_word("value")),
        value_(noise_ ? std::vector<double>{} : spec.list("value")) {
    CONTRASTIVE_CHECK(!noise_ || spec.word("value") == "noise", kOptionError, kind(),
                      ": value must be numbers or 'noise'");
  }

  std::vector<std::string> drawn_names() const override {
    return {"top", "left", "height", "width", "noiseKey", "noiseKey"};
  }

  Shape output_shape(Shape input) const override {
    CONTRASTIVE_CHECK(noise_ || value_.size() == 1 || static_cast<int>(value_.size()) == input.channels, kShapeError,
                      kind(), " with ", value_.size(), " values cannot take an image of ", input.channels, " channels");
    return input;
  }

  Drawn draw(Philox& random, Shape input) const override {
    const auto sides = [](double area, double ratio) {
      return Sides{std::sqrt(area * ratio), std::sqrt(area / ratio)};
    };
    const auto fits = [&](Sides s) { return s.height < input.height && s.width < input.width; };
    auto window = draw_window(random, input, scale_, ratio_, sides, fits);
    if (!window) return Drawn::skipped();  // no rectangle fits: unchanged
    window->push_key(random);
    return *window;
  }

  void check_drawn(const Drawn& drawn, Shape input) const override {
    Transform::check_drawn(drawn, input);
    check_window(kind(), {drawn[0], drawn[1], drawn[2], drawn[3]}, input, 0);
    noise_key(kind(), drawn[4], drawn[5]);
  }

  void plan(const Drawn& drawn, Shape, Plan& plan) const override {
    if (noise_) {
      plan.emplace_back(operation::EraseWithNoise{drawn.window(), noise_key(kind(), drawn[4], drawn[5])});
    } else {
      plan.emplace_back(operation::Erase{drawn.window(), value_});
    }
  }

 private:
  std::array<double, 2> scale_, ratio_;
  bool noise_;
  std::vector<double> value_;
};

CONTRASTIVE_TRANSFORM("randomErasing", RandomErasing);

}  // namespace
}  // namespace contrastive::augment
