#include "augment/transform.h"

namespace contrastive::augment {
namespace {

class GaussianNoise final : public Transform {
 public:
  explicit GaussianNoise(const TransformSpec& spec)
      : Transform(spec),
        mean_(spec.number("mean")),
        sigma_(spec.number("sigma", {.min = 0})),
        clip_(spec.integer("clip") != 0) {}

  std::vector<std::string> drawn_names() const override { return {"noiseKey", "noiseKey"}; }

  Drawn draw(Philox& random, Shape) const override {
    Drawn drawn = Drawn::plain();
    drawn.push_key(random);
    return drawn;
  }

  void check_drawn(const Drawn& drawn, Shape input) const override {
    Transform::check_drawn(drawn, input);
    noise_key(kind(), drawn[0], drawn[1]);
  }

  void plan(const Drawn& drawn, Shape, Plan& plan) const override {
    plan.emplace_back(operation::GaussianNoise{noise_key(kind(), drawn[0], drawn[1]), mean_, sigma_, clip_});
  }

 private:
  double mean_, sigma_;
  bool clip_;
};

CONTRASTIVE_TRANSFORM("gaussianNoise", GaussianNoise);

}  // namespace
}  // namespace contrastive::augment
