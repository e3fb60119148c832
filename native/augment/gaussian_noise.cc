// x -> x + mean + sigma N(0, 1), drawn for each value. Source: torchvision v2 GaussianNoise.
#include <limits>

#include "augment/kernels.h"
#include "augment/noise.h"

namespace contrastive::augment {
namespace {

class GaussianNoise final : public Transform {
 public:
  explicit GaussianNoise(const TransformSpec& spec)
      : Transform(spec),
        mean_(static_cast<float>(spec.number("mean"))),
        sigma_(static_cast<float>(spec.number("sigma"))),
        clip_(spec.integer("clip") != 0) {
    CONTRASTIVE_CHECK(sigma_ >= 0, kOptionError, kind(), ": sigma must be >= 0, got ", sigma_);
  }

  std::vector<std::string> drawn_names() const override { return {"noiseKey", "noiseKey"}; }
  Drawn draw(Philox& random, Shape) const override { return draw_noise_key(random); }

  void apply(Canvas& canvas, const Drawn& drawn) const override {
    constexpr float kNone = std::numeric_limits<float>::infinity();
    const float low = clip_ ? 0.0f : -kNone, high = clip_ ? 1.0f : kNone;
    kernels().add_normal_noise(noise_key(drawn, 0).data(), mean_, sigma_, low, high, canvas.pixels(),
                               canvas.area() * canvas.shape().channels);
  }

  void check_drawn(const Drawn& drawn, Shape input) const override {
    Transform::check_drawn(drawn, input);
    check_noise_key(drawn, 0, kind());
  }

 private:
  float mean_, sigma_;
  bool clip_;
};

CONTRASTIVE_TRANSFORM("gaussianNoise", GaussianNoise);

}  // namespace
}  // namespace contrastive::augment
