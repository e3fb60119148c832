#include "augment/checks.h"
#include "augment/transform.h"

namespace contrastive::augment {
namespace {

class GaussianBlur final : public Transform {
 public:
  explicit GaussianBlur(const TransformSpec& spec)
      : Transform(spec),
        kernel_size_(spec.integer("kernelSize")),
        sigma_(spec.range("sigma", {.min = 0, .open = true})) {
    check_kernel_size(kind(), kernel_size_);
  }

  std::vector<std::string> drawn_names() const override { return {"sigma"}; }

  Shape output_shape(Shape input) const override {
    check_kernel_fits(kind(), kernel_size_, input);
    return input;
  }

  Drawn draw(Philox& random, Shape) const override { return {random.uniform(sigma_[0], sigma_[1])}; }

  void check_drawn(const Drawn& drawn, Shape input) const override {
    Transform::check_drawn(drawn, input);
    CONTRASTIVE_CHECK(drawn[0] > 0, kOptionError, kind(), ": sigma must be > 0, got ", drawn[0]);
  }

  void plan(const Drawn& drawn, Shape, Plan& plan) const override {
    plan.emplace_back(operation::GaussianBlur{kernel_size_, drawn[0]});
  }

 private:
  int kernel_size_;
  std::array<double, 2> sigma_;
};

CONTRASTIVE_TRANSFORM("gaussianBlur", GaussianBlur);

}  // namespace
}  // namespace contrastive::augment
