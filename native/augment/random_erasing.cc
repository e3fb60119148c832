// Fills a random rectangle with a value or with standard normal noise. Source: Zhong et al. 2020, "Random erasing data
// augmentation", as torchvision v2 RandomErasing; with value 0 and ratio 1, the cutout of DeVries & Taylor 2017.
#include <algorithm>

#include "augment/transform.h"

namespace contrastive::augment {
namespace {

class RandomErasing final : public Transform {
 public:
  explicit RandomErasing(const TransformSpec& spec)
      : Transform(spec),
        scale_(spec.pair("scale")),
        ratio_(spec.pair("ratio")),
        noise_(spec.words.contains("value")),
        value_(noise_ ? std::vector<double>{} : spec.list("value")) {
    CONTRASTIVE_CHECK(!noise_ || spec.word("value") == "noise", kOptionError, kind(),
                      ": value must be numbers or 'noise'");
    CONTRASTIVE_CHECK(scale_[0] >= 0 && scale_[0] <= scale_[1] && scale_[1] <= 1, kOptionError, kind(),
                      ": scale must be 0 <= min <= max <= 1");
    CONTRASTIVE_CHECK(ratio_[0] > 0 && ratio_[0] <= ratio_[1], kOptionError, kind(), ": ratio must be 0 < min <= max");
  }

  std::vector<std::string> drawn_names() const override {
    return {"top", "left", "height", "width", "noiseKey", "noiseKey"};
  }

  Shape output_shape(Shape input) const override {
    CONTRASTIVE_CHECK(noise_ || value_.size() == 1 || static_cast<int>(value_.size()) == input.channels, kShapeError,
                      kind(), " with ", value_.size(), " values cannot take an image of ", input.channels, " channels");
    return input;
  }

  Drawn draw(Philox& random, Shape input) const override {
    const double area = static_cast<double>(input.height) * input.width;
    const double log_low = std::log(ratio_[0]), log_high = std::log(ratio_[1]);
    for (int attempt = 0; attempt < 10; ++attempt) {
      const double target = area * random.uniform(scale_[0], scale_[1]);
      const double ratio = std::exp(random.uniform(log_low, log_high));
      const double height = std::nearbyint(std::sqrt(target * ratio)),
                   width = std::nearbyint(std::sqrt(target / ratio));
      if (height >= input.height || width >= input.width) continue;
      const double top = random.below(input.height - static_cast<int>(height) + 1);
      const double left = random.below(input.width - static_cast<int>(width) + 1);
      return {top, left, height, width, static_cast<double>(random.next()), static_cast<double>(random.next())};
    }
    return Drawn::skipped();  // no rectangle fits: unchanged
  }

  void apply(Canvas& canvas, const Drawn& drawn) const override {
    const Shape shape = canvas.shape();
    const int top = drawn.at(0), left = drawn.at(1), height = drawn.at(2), width = drawn.at(3);
    const auto low = static_cast<uint64_t>(drawn[4]), high = static_cast<uint64_t>(drawn[5]);
    Philox noise(high << 32 | low, Purpose::kAugment, 0, 0, 0);
    for (int c = 0; c < shape.channels; ++c) {
      const float value = noise_ ? 0.0f : static_cast<float>(value_[value_.size() == 1 ? 0 : c]);
      for (int y = top; y < top + height; ++y) {
        float* row = canvas.plane(c) + int64_t{y} * shape.width + left;
        if (noise_) {
          for (int x = 0; x < width; ++x) row[x] = static_cast<float>(noise.normal());
        } else {
          std::fill(row, row + width, value);
        }
      }
    }
  }

  void check_drawn(const Drawn& drawn, Shape input) const override {
    Transform::check_drawn(drawn, input);
    if (drawn[2] != 0 && drawn[3] != 0) expect_window(drawn, input);
    CONTRASTIVE_CHECK(drawn[4] >= 0 && drawn[4] < 0x1p32 && drawn[5] >= 0 && drawn[5] < 0x1p32, kOptionError, kind(),
                      ": noiseKey must be two unsigned 32-bit integers");
  }

 private:
  std::array<double, 2> scale_, ratio_;
  bool noise_;
  std::vector<double> value_;
};

CONTRASTIVE_TRANSFORM("randomErasing", RandomErasing);

}  // namespace
}  // namespace contrastive::augment
