// Separable Gaussian blur with reflected borders, one sigma for both axes. Source: torchvision v2 GaussianBlur;
// SimCLR's blur (Chen et al. 2020, appendix A).
#include <cstring>

#include "augment/kernels.h"
#include "augment/transform.h"

namespace contrastive::augment {
namespace {

class GaussianBlur final : public Transform {
 public:
  explicit GaussianBlur(const TransformSpec& spec)
      : Transform(spec), size_(spec.integer("kernelSize")), sigma_(spec.pair("sigma")) {
    CONTRASTIVE_CHECK(size_ >= 1 && size_ % 2 == 1, kOptionError, kind(), ": kernelSize must be odd and >= 1, got ",
                      size_);
    CONTRASTIVE_CHECK(sigma_[0] > 0 && sigma_[0] <= sigma_[1], kOptionError, kind(), ": sigma must be 0 < min <= max");
  }

  std::vector<std::string> drawn_names() const override { return {"sigma"}; }

  Shape output_shape(Shape input) const override {
    CONTRASTIVE_CHECK(size_ / 2 < input.height && size_ / 2 < input.width, kShapeError, kind(), " of kernelSize ",
                      size_, " cannot reflect an image of ", input.height, " x ", input.width);
    return input;
  }

  Drawn draw(Philox& random, Shape) const override { return {random.uniform(sigma_[0], sigma_[1])}; }

  void apply(Canvas& canvas, const Drawn& drawn) const override {
    const std::vector<float> weights = gaussian(drawn[0]);
    const int taps = static_cast<int>(weights.size()), radius = taps / 2;
    if (radius == 0) return;
    const Kernels& k = kernels();
    const Shape shape = canvas.shape();
    const int height = shape.height, width = shape.width;
    const float* const from = canvas.pixels();
    float* const to = canvas.spare(height, width);
    float* const padded = canvas.scratch(width + 2 * radius);
    std::vector<const float*> rows(taps);
    for (int c = 0; c < shape.channels; ++c) {
      const float* const plane = from + int64_t{c} * height * width;
      for (int y = 0; y < height; ++y) {
        for (int t = 0; t < taps; ++t) rows[t] = plane + int64_t{reflect(y + t - radius, height)} * width;
        k.blend_rows(rows.data(), weights.data(), taps, padded + radius, width);
        for (int i = 1; i <= radius; ++i) {
          padded[radius - i] = padded[radius + i];
          padded[radius + width - 1 + i] = padded[radius + width - 1 - i];
        }
        for (int t = 0; t < taps; ++t) rows[t] = padded + t;
        k.blend_rows(rows.data(), weights.data(), taps, to + (int64_t{c} * height + y) * width, width);
      }
    }
    canvas.adopt(height, width);
  }

  void check_drawn(const Drawn& drawn, Shape input) const override {
    Transform::check_drawn(drawn, input);
    CONTRASTIVE_CHECK(drawn[0] > 0, kOptionError, kind(), ": sigma must be > 0, got ", drawn[0]);
  }

 private:
  static int reflect(int i, int n) { return i < 0 ? -i : (i >= n ? 2 * (n - 1) - i : i); }

  // Normalised over the whole kernel; rims too light to change a float pixel are left out.
  std::vector<float> gaussian(double sigma) const {
    constexpr double kNegligible = 1e-8;
    const int radius = size_ / 2;
    std::vector<double> exact(size_);
    double total = 0.0;
    for (int i = 0; i < size_; ++i) {
      const double distance = (i - radius) / sigma;
      total += exact[i] = std::exp(-0.5 * distance * distance);
    }
    int skip = 0;
    while (skip < radius && exact[skip] < kNegligible * total) ++skip;
    std::vector<float> weights;
    for (int i = skip; i < size_ - skip; ++i) weights.push_back(static_cast<float>(exact[i] / total));
    return weights;
  }

  int size_;
  std::array<double, 2> sigma_;
};

CONTRASTIVE_TRANSFORM("gaussianBlur", GaussianBlur);

}  // namespace
}  // namespace contrastive::augment
