// Inverts the values at or above a threshold in [0, 1]. Source: torchvision v2 RandomSolarize on float images.
#include "augment/operations.h"
#include "augment/transform.h"

namespace contrastive::augment {

void solarize(Canvas& canvas, float threshold) { canvas.point({.kind = PointStep::kSolarize, .a = threshold}); }

namespace {

class Solarize final : public Transform {
 public:
  explicit Solarize(const TransformSpec& spec)
      : Transform(spec), threshold_(static_cast<float>(spec.number("threshold"))) {
    CONTRASTIVE_CHECK(threshold_ >= 0 && threshold_ <= 1, kOptionError, kind(), ": threshold must be in [0, 1], got ",
                      threshold_);
  }

  Drawn draw(Philox&, Shape) const override { return Drawn::plain(); }

  void apply(Canvas& canvas, const Drawn&) const override { solarize(canvas, threshold_); }

 private:
  float threshold_;
};

CONTRASTIVE_TRANSFORM("solarize", Solarize);

}  // namespace
}  // namespace contrastive::augment
