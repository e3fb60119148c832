// A random window of the image, resized. Source: torchvision v2 RandomResizedCrop (bilinear, antialiased); the crop of
// Szegedy et al. 2015, "Going deeper with convolutions", with SimCLR's scale.
#include <algorithm>

#include "augment/checks.h"
#include "augment/transforms/window.h"

namespace contrastive::augment {
namespace {

class RandomResizedCrop final : public Transform {
 public:
  explicit RandomResizedCrop(const TransformSpec& spec)
      : Transform(spec),
        size_(spec.size()),
        scale_(spec.range("scale", {.min = 0, .open = true})),
        ratio_(spec.range("ratio", {.min = 0, .open = true})) {}

  std::vector<std::string> drawn_names() const override { return {"top", "left", "height", "width"}; }

  Shape output_shape(Shape input) const override { return {size_[0], size_[1], input.channels}; }

  Drawn draw(Philox& random, Shape input) const override {
    const auto sides = [](double area, double ratio) {
      return Sides{std::sqrt(area / ratio), std::sqrt(area * ratio)};
    };
    const auto fits = [&](Sides s) {
      return s.width >= 1 && s.width <= input.width && s.height >= 1 && s.height <= input.height;
    };
    if (const auto window = draw_window(random, input, scale_, ratio_, sides, fits)) return *window;
    // The largest centred window whose ratio is in range.
    const double ratio = static_cast<double>(input.width) / input.height;
    int height = input.height, width = input.width;
    if (ratio < ratio_[0]) height = std::min(input.height, std::max(1, round_half_even(width / ratio_[0])));
    if (ratio > ratio_[1]) width = std::min(input.width, std::max(1, round_half_even(height * ratio_[1])));
    const int top = (input.height - height) / 2, left = (input.width - width) / 2;
    return {static_cast<double>(top), static_cast<double>(left), static_cast<double>(height),
            static_cast<double>(width)};
  }

  void check_drawn(const Drawn& drawn, Shape input) const override {
    Transform::check_drawn(drawn, input);
    check_window(kind(), {drawn[0], drawn[1], drawn[2], drawn[3]}, input, 1);
  }

  void plan(const Drawn& drawn, Shape, Plan& plan) const override {
    plan.emplace_back(operation::ResizedCrop{drawn.window(), size_[0], size_[1]});
  }

 private:
  std::array<int, 2> size_;
  std::array<double, 2> scale_, ratio_;
};

CONTRASTIVE_TRANSFORM("randomResizedCrop", RandomResizedCrop);

}  // namespace
}  // namespace contrastive::augment
