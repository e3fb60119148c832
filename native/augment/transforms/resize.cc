#include <limits>

#include "augment/checks.h"
#include "augment/transform.h"

namespace contrastive::augment {
namespace {

class Resize final : public Transform {
 public:
  explicit Resize(const TransformSpec& spec) : Transform(spec), size_(spec.list("size")) {
    CONTRASTIVE_CHECK(size_.size() <= 2, kOptionError, kind(), ": size must be one number or two");
    for (double size : size_)
      CONTRASTIVE_CHECK(size >= 1 && size <= kLargestSide, kOptionError, kind(),
                        ": size must be >= 1 and <= ", kLargestSide, ", got ", size);
  }

  Shape output_shape(Shape input) const override {
    if (size_.size() == 2) return {static_cast<int>(size_[0]), static_cast<int>(size_[1]), input.channels};
    const int shorter = static_cast<int>(size_[0]);
    const auto longer = [&](int edge, int other) {
      const int64_t side = int64_t{shorter} * edge / other;
      CONTRASTIVE_CHECK(side <= std::numeric_limits<int>::max(), kShapeError, kind(), ": size ", shorter,
                        " makes an image of ", input.height, " x ", input.width, " too long: ", side, " pixels");
      return static_cast<int>(side);
    };
    if (input.width <= input.height) return {longer(input.height, input.width), shorter, input.channels};
    return {shorter, longer(input.width, input.height), input.channels};
  }

  void plan(const Drawn&, Shape input, Plan& plan) const override {
    const Shape to = output_shape(input);
    if (to == input) return;
    plan.emplace_back(operation::ResizedCrop{{0, 0, input.height, input.width}, to.height, to.width});
  }

 private:
  std::vector<double> size_;
};

CONTRASTIVE_TRANSFORM("resize", Resize);

}  // namespace
}  // namespace contrastive::augment
