#include "augment/transform.h"

namespace contrastive::augment {
namespace {

class Normalize final : public Transform {
 public:
  explicit Normalize(const TransformSpec& spec)
      : Transform(spec), mean_(spec.list("mean")), std_(spec.list("std", {.min = 0, .open = true})) {
    CONTRASTIVE_CHECK(mean_.size() == std_.size(), kOptionError, kind(), ": mean and std must have one length, got ",
                      mean_.size(), " and ", std_.size());
  }

  Shape output_shape(Shape input) const override {
    CONTRASTIVE_CHECK(mean_.size() == 1 || static_cast<int>(mean_.size()) == input.channels, kShapeError, kind(),
                      " with ", mean_.size(), " means cannot take an image of ", input.channels, " channels");
    return input;
  }

  void plan(const Drawn&, Shape, Plan& plan) const override { plan.emplace_back(operation::Normalize{mean_, std_}); }

 private:
  std::vector<double> mean_, std_;
};

CONTRASTIVE_TRANSFORM("normalize", Normalize);

}  // namespace
}  // namespace contrastive::augment
