#include "augment/checks.h"
#include "augment/transform.h"

namespace contrastive::augment {
namespace {

class RandomCrop final : public Transform {
 public:
  explicit RandomCrop(const TransformSpec& spec)
      : Transform(spec),
        height_(spec.size()[0]),
        width_(spec.size()[1]),
        padding_(checked_padding(kind(), spec.list("padding"), spec.word("paddingMode"), spec.number("fill"))) {}

  std::vector<std::string> drawn_names() const override { return {"top", "left"}; }

  Shape output_shape(Shape input) const override {
    check_crop(kind(), height_, width_, padding_, input);
    return {height_, width_, input.channels};
  }

  Drawn draw(Philox& random, Shape input) const override {
    const Shape padded = padding_.around(input);
    return {static_cast<double>(random.below(padded.height - height_ + 1)),
            static_cast<double>(random.below(padded.width - width_ + 1))};
  }

  void check_drawn(const Drawn& drawn, Shape input) const override {
    Transform::check_drawn(drawn, input);
    check_window(kind(), {drawn[0], drawn[1], 1.0 * height_, 1.0 * width_}, padding_.around(input), 1, "padded image");
  }

  void plan(const Drawn& drawn, Shape, Plan& plan) const override {
    plan.emplace_back(operation::Crop{{drawn.at(0), drawn.at(1), height_, width_}, padding_});
  }

 private:
  int height_, width_;
  Padding padding_;
};

CONTRASTIVE_TRANSFORM("randomCrop", RandomCrop);

}  // namespace
}  // namespace contrastive::augment
