#include "augment/transform.h"

namespace contrastive::augment {
namespace {

class RandomAffine final : public Transform {
 public:
  explicit RandomAffine(const TransformSpec& spec)
      : Transform(spec),
        degrees_(spec.range("degrees")),
        translate_(spec.pair("translate", {.min = 0, .max = 1})),
        scale_(spec.range("scale", {.min = 0, .open = true})),
        shear_(spec.list("shear")),
        sampling_(spec.sampling()) {
    CONTRASTIVE_CHECK(shear_.size() == 4, kOptionError, kind(), ": shear must be four numbers");
    for (double s : shear_)
      CONTRASTIVE_CHECK(std::abs(s) < 90, kOptionError, kind(), ": shear must be in (-90, 90), got ", s);
  }

  std::vector<std::string> drawn_names() const override {
    return {"angle", "translate", "translate", "scale", "shear", "shear"};
  }

  // The translation is a whole number of pixels, as torchvision's.
  Drawn draw(Philox& random, Shape input) const override {
    const double angle = random.uniform(degrees_[0], degrees_[1]);
    const double most_x = translate_[0] * input.width, most_y = translate_[1] * input.height;
    const double x = std::nearbyint(random.uniform(-most_x, most_x)),
                 y = std::nearbyint(random.uniform(-most_y, most_y));
    const double scale = random.uniform(scale_[0], scale_[1]);
    const double shear_x = random.uniform(shear_[0], shear_[1]), shear_y = random.uniform(shear_[2], shear_[3]);
    return {angle, x, y, scale, shear_x, shear_y};
  }

  void check_drawn(const Drawn& drawn, Shape input) const override {
    Transform::check_drawn(drawn, input);
    CONTRASTIVE_CHECK(drawn[3] > 0, kOptionError, kind(), ": scale must be > 0, got ", drawn[3]);
  }

  void plan(const Drawn& drawn, Shape input, Plan& plan) const override {
    const Mapping mapping =
        inverse_affine(center_of(input), drawn[0], {drawn[1], drawn[2]}, drawn[3], {drawn[4], drawn[5]});
    plan.emplace_back(operation::Warp{mapping, sampling_});
  }

 private:
  std::array<double, 2> degrees_, translate_, scale_;
  std::vector<double> shear_;  // x min, x max, y min, y max
  Sampling sampling_;
};

CONTRASTIVE_TRANSFORM("randomAffine", RandomAffine);

}  // namespace
}  // namespace contrastive::augment
