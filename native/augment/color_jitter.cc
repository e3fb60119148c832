// Brightness, contrast, saturation and hue, each by a random factor and in a random order. Source: torchvision v2
// ColorJitter; SimCLR's color distortion (Chen et al. 2020, appendix A).
#include <algorithm>
#include <utility>

#include "augment/kernels.h"
#include "augment/transform.h"

namespace contrastive::augment {
namespace {

enum Operation { kBrightness, kContrast, kSaturation, kHue };

struct Step {
  int operation;
  float factor, offset;
};

// The image and the steps that it has not taken yet.
class Planes {
 public:
  explicit Planes(Canvas& canvas) : red_(canvas.pixels()), size_(canvas.area()), channels_(canvas.shape().channels) {}

  void add(Step step) { steps_[count_++] = step; }

  void run() {
    if (count_ > 0) walk(false);
  }

  // Takes the steps; the mean of gray afterwards.
  double run_for_mean() { return walk(true) / static_cast<double>(size_); }

 private:
  static constexpr int64_t kBlock = 2048;  // pixels; three planes of them fill 24 KB

  double walk(bool sum) {
    const Kernels& k = kernels();
    const bool color = channels_ == 3;
    double total = 0.0;
    for (int64_t from = 0; from < size_; from += kBlock) {
      const int64_t n = std::min(kBlock, size_ - from);
      float *const r = red_ + from, *const g = r + size_, *const b = g + size_;
      for (int i = 0; i < count_; ++i) take(steps_[i], r, n);
      if (sum) total += color ? k.sum_gray(r, g, b, n) : k.sum(r, n);
    }
    count_ = 0;
    return total;
  }

  void take(const Step& step, float* r, int64_t n) const {
    const Kernels& k = kernels();
    float *const g = r + size_, *const b = g + size_;
    for (int c = 0; c < channels_; ++c) {
      if (step.operation == kBrightness) k.scale(r + c * size_, n, step.factor);
      if (step.operation == kContrast) k.blend_constant(r + c * size_, n, step.factor, step.offset);
    }
    if (channels_ != 3) return;  // a gray image has neither saturation nor hue
    if (step.operation == kSaturation) k.blend_gray(r, g, b, n, step.factor);
    if (step.operation == kHue) k.shift_hue(r, g, b, n, step.factor);
  }

  float* red_;
  int64_t size_;
  int channels_, count_ = 0;
  std::array<Step, 4> steps_;
};

class ColorJitter final : public Transform {
 public:
  explicit ColorJitter(const TransformSpec& spec)
      : Transform(spec),
        ranges_{spec.pair("brightness"), spec.pair("contrast"), spec.pair("saturation"), spec.pair("hue")} {
    for (int i = kBrightness; i <= kSaturation; ++i)
      CONTRASTIVE_CHECK(ranges_[i][0] >= 0 && ranges_[i][0] <= ranges_[i][1], kOptionError, kind(),
                        ": factors must be 0 <= min <= max");
    CONTRASTIVE_CHECK(ranges_[kHue][0] >= -0.5 && ranges_[kHue][0] <= ranges_[kHue][1] && ranges_[kHue][1] <= 0.5,
                      kOptionError, kind(), ": hue must be -0.5 <= min <= max <= 0.5");
  }

  // `order` lists operations as 0 brightness, 1 contrast, 2 saturation, 3 hue.
  std::vector<std::string> drawn_names() const override {
    return {"order", "order", "order", "order", "brightness", "contrast", "saturation", "hue"};
  }

  Shape output_shape(Shape input) const override { return expect_color(input); }

  Drawn draw(Philox& random, Shape) const override {
    double order[4] = {0, 1, 2, 3};
    for (int i = 3; i > 0; --i) std::swap(order[i], order[random.below(i + 1)]);
    double factor[4];
    for (int i = 0; i < 4; ++i) factor[i] = random.uniform(ranges_[i][0], ranges_[i][1]);
    return {order[0], order[1], order[2], order[3], factor[0], factor[1], factor[2], factor[3]};
  }

  // A factor of 1 (a hue shift of 0) changes nothing, so an operation that is off is skipped. Contrast needs the mean
  // of the whole image; what lies between two such points runs block by block, in the first-level cache.
  void apply(Canvas& canvas, const Drawn& drawn) const override {
    Planes planes(canvas);
    for (int i = 0; i < 4; ++i) {
      const int operation = drawn.at(i);
      const auto factor = static_cast<float>(drawn[4 + operation]);
      if (factor == (operation == kHue ? 0.0f : 1.0f)) continue;
      const float offset = operation == kContrast ? static_cast<float>((1.0 - factor) * planes.run_for_mean()) : 0.0f;
      planes.add({operation, factor, offset});
    }
    planes.run();
  }

  void check_drawn(const Drawn& drawn, Shape input) const override {
    Transform::check_drawn(drawn, input);
    int seen = 0;
    for (int i = 0; i < 4; ++i)
      if (drawn[i] == 0 || drawn[i] == 1 || drawn[i] == 2 || drawn[i] == 3) seen |= 1 << drawn.at(i);
    CONTRASTIVE_CHECK(seen == 15, kOptionError, kind(), ": order must be a permutation of 0, 1, 2, 3");
    CONTRASTIVE_CHECK(drawn[4] >= 0 && drawn[5] >= 0 && drawn[6] >= 0 && std::abs(drawn[7]) <= 0.5, kOptionError,
                      kind(), ": factors must be >= 0 and hue in [-0.5, 0.5]");
  }

 private:
  std::array<std::array<double, 2>, 4> ranges_;
};

CONTRASTIVE_TRANSFORM("colorJitter", ColorJitter);

}  // namespace
}  // namespace contrastive::augment
