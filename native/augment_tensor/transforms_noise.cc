// The batched transforms that use noise.
#include <ATen/ATen.h>

#include "augment_tensor/erase.h"
#include "augment_tensor/filter.h"
#include "augment_tensor/images.h"
#include "augment_tensor/noise.h"
#include "augment_tensor/resample.h"
#include "augment_tensor/transforms.h"
#include "augment_tensor/warp.h"

namespace contrastive::augment_tensor {
namespace {

using at::Tensor;

NoiseKey key_of(const augment::Drawn& drawn, int at) {
  return {static_cast<uint32_t>(drawn[at]), static_cast<uint32_t>(drawn[at + 1])};
}

std::vector<NoiseKey> keys_of(const Application& a, int at) {
  std::vector<NoiseKey> keys;
  for (const augment::Drawn& drawn : a.drawn) keys.push_back(key_of(drawn, at));
  return keys;
}

// Noise of each sample in its own window; the windows differ in size, so their rest is not noise.
Tensor noise_in_windows(const Tensor& images, const Application& a) {
  const Tensor noise = at::zeros(images.sizes(), at::TensorOptions(at::kFloat));
  for (size_t i = 0; i < a.drawn.size(); ++i) {
    const augment::Drawn& drawn = a.drawn[i];
    const int64_t height = drawn.at(2), width = drawn.at(3);
    noise[static_cast<int64_t>(i)]
        .narrow(1, drawn.at(0), height)
        .narrow(2, drawn.at(1), width)
        .copy_(make_noise(Noise::kNormal, {key_of(drawn, 4)}, images.size(1) * height * width)
                   .reshape({images.size(1), height, width}));
  }
  return send(noise, images.device());
}

Tensor random_erasing(const Tensor& images, const Application& a) {
  if (a.spec.words.contains("value")) return image_erase(images, a.integers(0, 4), noise_in_windows(images, a));
  const Tensor value = at::tensor(a.spec.list("value"), at::kFloat).reshape({-1, 1, 1});
  return image_erase(images, a.integers(0, 4), send(value, images.device()));
}
CONTRASTIVE_BATCHED("randomErasing", random_erasing);

Tensor gaussian_noise(const Tensor& images, const Application& a) {
  return image_gaussian_noise(images, at::scalar_tensor(a.spec.number("sigma"), at::kFloat), a.integers(0, 2),
                              a.spec.number("mean"), a.spec.integer("clip") != 0);
}
CONTRASTIVE_BATCHED("gaussianNoise", gaussian_noise);

// As native/augment/elastic_transform.cc: uniform noise, smoothed, times half of alpha, in pixels.
Tensor elastic_transform(const Tensor& images, const Application& a) {
  const Batch batch = Batch::floating("elasticTransform", images);
  const std::array<double, 2> alpha = a.spec.pair("alpha"), sigma = a.spec.pair("sigma");
  const int64_t height = batch.height(), width = batch.width();
  const Tensor noise = send(make_noise(Noise::kUniform, keys_of(a, 0), 2 * height * width), images.device())
                           .reshape({batch.samples(), 2, height, width});
  const auto smooth = [&](int64_t axis) {
    const int64_t radius = (static_cast<int64_t>(8 * sigma[axis] + 1) | 1) / 2;
    const auto weights = [&](int direction, int64_t n) {
      return blur_weights(at::full({1, 1, 1}, sigma[direction], noise.options()), n, radius);
    };
    return apply_separable(noise.narrow(1, axis, 1), weights(1, height), weights(0, width)).squeeze(1) *
           (0.5 * alpha[axis]);
  };
  return sample(batch, counting(noise, width) + smooth(0), counting(noise, height).unsqueeze(1) + smooth(1),
                a.spec.word("interpolation"), a.spec.number("fill"));
}
CONTRASTIVE_BATCHED("elasticTransform", elastic_transform);

}  // namespace
}  // namespace contrastive::augment_tensor
