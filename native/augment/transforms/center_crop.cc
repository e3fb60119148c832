#include "augment/checks.h"
#include "augment/transform.h"

namespace contrastive::augment {
namespace {

class CenterCrop final : public Transform {
 public:
  explicit CenterCrop(const TransformSpec& spec) : Transform(spec), height_(spec.size()[0]), width_(spec.size()[1]) {}

  Shape output_shape(Shape input) const override {
    check_crop(kind(), height_, width_, {}, input);
    return {height_, width_, input.channels};
  }

  void plan(const Drawn&, Shape input, Plan& plan) const override {
    const int top = round_half_even((input.height - height_) / 2.0),
              left = round_half_even((input.width - width_) / 2.0);
    plan.emplace_back(operation::Crop{{top, left, height_, width_}, {}});
  }

 private:
  int height_, width_;
};

CONTRASTIVE_TRANSFORM("centerCrop", CenterCrop);

}  // namespace
}  // namespace contrastive::augment
