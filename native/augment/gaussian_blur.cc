// Separable Gaussian blur with reflected borders, one sigma for both axes. Source: torchvision v2 GaussianBlur;
// SimCLR's blur (Chen et al. 2020, appendix A).
#include "augment/blur.h"
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
    const std::vector<float> weights = gaussian_weights(size_, drawn[0]);
    const Shape shape = canvas.shape();
    const int64_t area = canvas.area();
    if (weights.size() == 1) return;
    const float* const from = canvas.pixels();
    float* const to = canvas.spare(shape.height, shape.width);
    float* const padded = canvas.scratch(shape.width + static_cast<int64_t>(weights.size()));
    for (int c = 0; c < shape.channels; ++c)
      blur_plane(from + c * area, to + c * area, shape.height, shape.width, weights, weights, padded);
    canvas.adopt(shape.height, shape.width);
  }

  void check_drawn(const Drawn& drawn, Shape input) const override {
    Transform::check_drawn(drawn, input);
    CONTRASTIVE_CHECK(drawn[0] > 0, kOptionError, kind(), ": sigma must be > 0, got ", drawn[0]);
  }

 private:
  int size_;
  std::array<double, 2> sigma_;
};

CONTRASTIVE_TRANSFORM("gaussianBlur", GaussianBlur);

}  // namespace
}  // namespace contrastive::augment
