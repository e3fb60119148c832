#include "augment_tensor/noise.h"

#include <ATen/ATen.h>

#include <cmath>

#include "augment/kernels.h"
#include "augment/noise.h"
#include "augment_tensor/images.h"
#include "core/error.h"
#include "core/op.h"

namespace contrastive::augment_tensor {

at::Tensor make_noise(Noise kind, const std::vector<NoiseKey>& keys, int64_t count) {
  const at::Tensor noise = at::empty({static_cast<int64_t>(keys.size()), count}, at::TensorOptions(at::kFloat));
  auto* target = noise.mutable_data_ptr<float>();
  const auto fill = kind == Noise::kNormal ? augment::kernels().normal_noise : augment::kernels().uniform_noise;
  for (const NoiseKey& key : keys) {
    fill(augment::noise_key({double(key[0]), double(key[1])}, 0).data(), target, count);
    target += count;
  }
  return noise;
}

at::Tensor image_gaussian_noise(const at::Tensor& images, const at::Tensor& sigma,
                                const std::vector<int64_t>& noise_key, double mean, bool clip) {
  const Batch batch = Batch::floating("gaussianNoise", images);
  CONTRASTIVE_CHECK(std::isfinite(mean), kOptionError, "gaussianNoise: mean must be finite, got ", mean);
  const at::Tensor sigmas = one_each(batch, "sigma", sigma, {.min = 0});
  std::vector<NoiseKey> keys;
  for (const auto& row : rows_each(batch, "noiseKey", noise_key, 2)) {
    for (const int64_t number : row)
      CONTRASTIVE_CHECK(number >= 0 && number <= 0xffffffff, kOptionError,
                        "gaussianNoise: noiseKey must be two unsigned 32-bit integers, got ", number);
    keys.push_back({static_cast<uint32_t>(row[0]), static_cast<uint32_t>(row[1])});
  }
  const at::Tensor& x = batch.tensor();
  const auto rows = static_cast<int64_t>(keys.size());
  const at::Tensor noise = x.is_meta()
                               ? at::empty({rows, x[0].numel()}, x.options())
                               : send(make_noise(Noise::kNormal, keys, x[0].numel()), x.device()).to(x.scalar_type());
  const at::Tensor noisy = x + mean + sigmas * noise.reshape({rows, batch.channels(), batch.height(), batch.width()});
  return batch.restore(clip ? noisy.clamp(0, 1) : noisy);
}
CONTRASTIVE_OP(image_gaussian_noise,
               "image_gaussian_noise(Tensor images, Tensor sigma, int[] noise_key, *, float mean=0.0, bool clip=True) "
               "-> Tensor");

}  // namespace contrastive::augment_tensor
