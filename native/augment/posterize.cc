// Keeps so many bits of each value: x -> floor(x 2^bits) / 2^bits. Source: torchvision v2 RandomPosterize on float
// images.
#include "augment/operations.h"
#include "augment/transform.h"

namespace contrastive::augment {

void posterize(Canvas& canvas, int bits) {
  canvas.point({.kind = PointStep::kPosterize, .a = static_cast<float>(1 << bits)});
}

namespace {

class Posterize final : public Transform {
 public:
  explicit Posterize(const TransformSpec& spec) : Transform(spec), bits_(spec.integer("bits")) {
    CONTRASTIVE_CHECK(bits_ >= 0 && bits_ <= 8, kOptionError, kind(), ": bits must be in [0, 8], got ", bits_);
  }

  Drawn draw(Philox&, Shape) const override { return Drawn::plain(); }
  void apply(Canvas& canvas, const Drawn&) const override { posterize(canvas, bits_); }

 private:
  int bits_;
};

CONTRASTIVE_TRANSFORM("posterize", Posterize);

}  // namespace
}  // namespace contrastive::augment
