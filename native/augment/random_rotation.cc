// Rotation about the centre by a random angle in degrees, counter-clockwise; the size stays. Source: torchvision v2
// RandomRotation without expand.
#include "augment/warp.h"

namespace contrastive::augment {
namespace {

class RandomRotation final : public Transform {
 public:
  explicit RandomRotation(const TransformSpec& spec)
      : Transform(spec),
        degrees_(spec.pair("degrees")),
        fill_(static_cast<float>(spec.number("fill"))),
        interpolation_(interpolation_of(spec)) {
    CONTRASTIVE_CHECK(degrees_[0] <= degrees_[1], kOptionError, kind(), ": degrees must be min <= max");
  }

  std::vector<std::string> drawn_names() const override { return {"angle"}; }
  Drawn draw(Philox& random, Shape) const override { return {random.uniform(degrees_[0], degrees_[1])}; }

  void apply(Canvas& canvas, const Drawn& drawn) const override { rotate(canvas, drawn[0], interpolation_, fill_); }

 private:
  std::array<double, 2> degrees_;
  float fill_;
  Interpolation interpolation_;
};

CONTRASTIVE_TRANSFORM("randomRotation", RandomRotation);

}  // namespace
}  // namespace contrastive::augment
