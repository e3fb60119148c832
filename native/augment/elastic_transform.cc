// Moves every pixel by a smooth random displacement. Source: torchvision v2 ElasticTransform (Simard et al. 2003, "Best
// practices for convolutional neural networks applied to visual document analysis").
#include <algorithm>

#include "augment/blur.h"
#include "augment/kernels.h"
#include "augment/noise.h"
#include "augment/warp.h"

namespace contrastive::augment {
namespace {

class ElasticTransform final : public Transform {
 public:
  explicit ElasticTransform(const TransformSpec& spec)
      : Transform(spec),
        alpha_(spec.pair("alpha")),
        sigma_(spec.pair("sigma")),
        fill_(static_cast<float>(spec.number("fill"))),
        interpolation_(interpolation_of(spec)) {
    for (double sigma : sigma_)
      CONTRASTIVE_CHECK(sigma > 0 && sigma <= 8192, kOptionError, kind(), ": sigma must be in (0, 8192], got ", sigma);
  }

  std::vector<std::string> drawn_names() const override { return {"noiseKey", "noiseKey"}; }

  Shape output_shape(Shape input) const override {
    const int radius = std::max(kernel_size(0), kernel_size(1)) / 2;
    CONTRASTIVE_CHECK(radius < input.height && radius < input.width, kShapeError, kind(), " smooths over ", radius,
                      " pixels to each side and cannot reflect an image of ", input.height, " x ", input.width);
    return input;
  }

  Drawn draw(Philox& random, Shape) const override { return draw_noise_key(random); }

  // The first half of the noise moves pixels across, the second down: uniform in [-1, 1), smoothed, and multiplied by
  // half of alpha. Both are smoothed by sigma x across and sigma y down.
  void apply(Canvas& canvas, const Drawn& drawn) const override {
    const Kernels& k = kernels();
    const Shape shape = canvas.shape();
    const int height = shape.height, width = shape.width;
    const int64_t area = canvas.area();
    const float* const from = canvas.pixels();
    float* const to = canvas.spare(height, width);
    float* const noise = canvas.scratch(4 * area + width + std::max(kernel_size(0), kernel_size(1)));
    float *const across = noise + 2 * area, *const down = across + area, *const padded = down + area;
    k.uniform_noise(noise_key(drawn, 0).data(), noise, 2 * area);
    for (int axis = 0; axis < 2; ++axis)
      blur_plane(noise + axis * area, across + axis * area, height, width, weights(axis, 1), weights(axis, 0), padded);
    const auto displace = interpolation_ == Interpolation::kNearest ? k.displace_nearest : k.displace_bilinear;
    for (int y = 0; y < height; ++y) {
      const int64_t row = int64_t{y} * width;
      displace(across + row, down + row, y, from, shape.channels, area, height, width, fill_, to + row, area);
    }
    canvas.adopt(height, width);
  }

  void check_drawn(const Drawn& drawn, Shape input) const override {
    Transform::check_drawn(drawn, input);
    check_noise_key(drawn, 0, kind());
  }

 private:
  // Of the displacement along `axis`, for both directions of smoothing; odd.
  int kernel_size(int axis) const { return static_cast<int>(8 * sigma_[axis] + 1) | 1; }

  // Smoothing in `direction` of the displacement along `axis`, times half of alpha once.
  std::vector<float> weights(int axis, int direction) const {
    std::vector<float> weights = gaussian_weights(kernel_size(axis), sigma_[direction]);
    if (direction == 0)
      for (float& weight : weights) weight *= static_cast<float>(0.5 * alpha_[axis]);
    return weights;
  }

  std::array<double, 2> alpha_, sigma_;  // x, y
  float fill_;
  Interpolation interpolation_;
};

CONTRASTIVE_TRANSFORM("elasticTransform", ElasticTransform);

}  // namespace
}  // namespace contrastive::augment
