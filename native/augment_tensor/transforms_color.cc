// The batched transforms that change values in place.
#include <ATen/ATen.h>

#include <array>

#include "augment_tensor/color.h"
#include "augment_tensor/filter.h"
#include "augment_tensor/images.h"
#include "augment_tensor/levels.h"
#include "augment_tensor/transforms.h"

namespace contrastive::augment_tensor {
namespace {

using at::Tensor;

// Four rounds; in each, the samples that take the same operation take it together.
Tensor color_jitter(const Tensor& images, const Application& a) {
  using Adjust = Tensor (*)(const Tensor&, const Tensor&);
  static constexpr std::array<Adjust, 4> kAdjust = {&image_adjust_brightness, &image_adjust_contrast,
                                                    &image_adjust_saturation, &image_adjust_hue};
  Tensor result = images.clone();
  for (int round = 0; round < 4; ++round) {
    for (int operation = 0; operation < 4; ++operation) {
      const double neutral = operation == 3 ? 0 : 1;
      std::vector<int64_t> takers;
      std::vector<double> factors;
      for (size_t i = 0; i < a.drawn.size(); ++i) {
        if (a.drawn[i].at(round) != operation || a.drawn[i][4 + operation] == neutral) continue;
        takers.push_back(static_cast<int64_t>(i));
        factors.push_back(a.drawn[i][4 + operation]);
      }
      change_some_own(result, takers,
                      [&](const Tensor& some) { return kAdjust[operation](some, at::tensor(factors, at::kFloat)); });
    }
  }
  return result;
}
CONTRASTIVE_BATCHED("colorJitter", color_jitter);

Tensor random_grayscale(const Tensor& images, const Application&) {
  return image_rgb_to_grayscale(images, images.size(1));
}
CONTRASTIVE_BATCHED("randomGrayscale", random_grayscale);

Tensor solarize(const Tensor& images, const Application& a) {
  return image_solarize(images, at::scalar_tensor(a.spec.number("threshold"), at::kFloat));
}
CONTRASTIVE_BATCHED("solarize", solarize);

Tensor gaussian_blur(const Tensor& images, const Application& a) {
  return image_gaussian_blur(images, a.spec.integer("kernelSize"), a.column(0));
}
CONTRASTIVE_BATCHED("gaussianBlur", gaussian_blur);

Tensor posterize(const Tensor& images, const Application& a) {
  return image_posterize(images, {a.spec.integer("bits")});
}
CONTRASTIVE_BATCHED("posterize", posterize);

Tensor invert(const Tensor& images, const Application&) { return image_invert(images); }
CONTRASTIVE_BATCHED("invert", invert);

Tensor autocontrast(const Tensor& images, const Application&) { return image_autocontrast(images); }
CONTRASTIVE_BATCHED("autocontrast", autocontrast);

Tensor equalize(const Tensor& images, const Application&) { return image_equalize(images); }
CONTRASTIVE_BATCHED("equalize", equalize);

Tensor adjust_sharpness(const Tensor& images, const Application& a) {
  const double factor = a.spec.number("factor");
  return factor == 1 ? images : image_adjust_sharpness(images, at::scalar_tensor(factor, at::kFloat));
}
CONTRASTIVE_BATCHED("adjustSharpness", adjust_sharpness);

Tensor sobel(const Tensor& images, const Application&) { return image_sobel(images); }
CONTRASTIVE_BATCHED("sobel", sobel);

Tensor normalize(const Tensor& images, const Application& a) {
  return image_normalize(images, a.spec.list("mean"), a.spec.list("std"));
}
CONTRASTIVE_BATCHED("normalize", normalize);

}  // namespace
}  // namespace contrastive::augment_tensor
