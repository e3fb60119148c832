// Fills a random rectangle with a value or with standard normal noise. Source: Zhong et al. 2020, "Random erasing data
// augmentation", as torchvision v2 RandomErasing; with value 0 and ratio 1, the cutout of DeVries & Taylor 2017.
#include <algorithm>

#include "augment/kernels.h"
#include "augment/noise.h"
#include "augment/window.h"

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
    const auto sides = [](double area, double ratio) {
      return Sides{std::sqrt(area * ratio), std::sqrt(area / ratio)};
    };
    const auto fits = [&](Sides s) { return s.height < input.height && s.width < input.width; };
    auto window = draw_window(random, input, scale_, ratio_, sides, fits);
    if (!window) return Drawn::skipped();  // no rectangle fits: unchanged
    window->append(draw_noise_key(random));
    return *window;
  }

  void apply(Canvas& canvas, const Drawn& drawn) const override {
    const Shape shape = canvas.shape();
    const int top = drawn.at(0), left = drawn.at(1), height = drawn.at(2), width = drawn.at(3);
    const int64_t area = int64_t{height} * width;
    float* const planes = canvas.pixels();
    const float* const noise = noise_ ? make_noise(canvas, drawn, area * shape.channels) : nullptr;
    for (int c = 0; c < shape.channels; ++c)
      for (int y = 0; y < height; ++y) {
        float* const row = planes + c * canvas.area() + int64_t{top + y} * shape.width + left;
        if (noise_) {
          std::copy_n(noise + c * area + int64_t{y} * width, width, row);
        } else {
          std::fill_n(row, width, static_cast<float>(value_[value_.size() == 1 ? 0 : c]));
        }
      }
  }

  void check_drawn(const Drawn& drawn, Shape input) const override {
    expect_window(drawn, input, 0);
    check_noise_key(drawn, 4, kind());
  }

 private:
  static const float* make_noise(Canvas& canvas, const Drawn& drawn, int64_t count) {
    float* const noise = canvas.scratch(count);
    kernels().normal_noise(noise_key(drawn, 4).data(), noise, count);
    return noise;
  }

  std::array<double, 2> scale_, ratio_;
  bool noise_;
  std::vector<double> value_;
};

CONTRASTIVE_TRANSFORM("randomErasing", RandomErasing);

}  // namespace
}  // namespace contrastive::augment
