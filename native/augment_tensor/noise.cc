#include "augment_tensor/noise.h"

#include <ATen/ATen.h>

#include "augment/kernels.h"

namespace contrastive::augment_tensor {

at::Tensor make_noise(Noise kind, const std::vector<augment::NoiseKey>& keys, int64_t count) {
  const at::Tensor noise = at::empty({static_cast<int64_t>(keys.size()), count}, at::TensorOptions(at::kFloat));
  auto* target = noise.mutable_data_ptr<float>();
  const auto fill = kind == Noise::kNormal ? augment::kernels().normal_noise : augment::kernels().uniform_noise;
  for (const augment::NoiseKey& key : keys) {
    fill(key.data(), target, count);
    target += count;
  }
  return noise;
}

}  // namespace contrastive::augment_tensor
