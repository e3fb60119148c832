// Rotation, translation, scale and shear about the centre. Source: torchvision v2 RandomAffine.
#include "augment/warp.h"

namespace contrastive::augment {
namespace {

class RandomAffine final : public Transform {
 public:
  explicit RandomAffine(const TransformSpec& spec)
      : Transform(spec),
        degrees_(spec.pair("degrees")),
        translate_(spec.pair("translate")),
        scale_(spec.pair("scale")),
        shear_(spec.list("shear")),
        fill_(static_cast<float>(spec.number("fill"))),
        interpolation_(interpolation_of(spec)) {
    CONTRASTIVE_CHECK(degrees_[0] <= degrees_[1], kOptionError, kind(), ": degrees must be min <= max");
    for (double t : translate_)
      CONTRASTIVE_CHECK(t >= 0 && t <= 1, kOptionError, kind(), ": translate must be in [0, 1], got ", t);
    CONTRASTIVE_CHECK(scale_[0] > 0 && scale_[0] <= scale_[1], kOptionError, kind(), ": scale must be 0 < min <= max");
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

  void apply(Canvas& canvas, const Drawn& drawn) const override {
    const Mapping mapping =
        inverse_affine(center_of(canvas.shape()), drawn[0], {drawn[1], drawn[2]}, drawn[3], {drawn[4], drawn[5]});
    warp(canvas, mapping, interpolation_, fill_);
  }

  void check_drawn(const Drawn& drawn, Shape input) const override {
    Transform::check_drawn(drawn, input);
    CONTRASTIVE_CHECK(drawn[3] > 0, kOptionError, kind(), ": scale must be > 0, got ", drawn[3]);
  }

 private:
  std::array<double, 2> degrees_, translate_, scale_;
  std::vector<double> shear_;  // x min, x max, y min, y max
  float fill_;
  Interpolation interpolation_;
};

CONTRASTIVE_TRANSFORM("randomAffine", RandomAffine);

}  // namespace
}  // namespace contrastive::augment
