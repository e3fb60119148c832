// Noise that a key chooses: made on the CPU by the generator of native/augment, so that a key means the same noise on
// every device, and uploaded.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <vector>

namespace contrastive::augment_tensor {

// Two 32-bit numbers, as transforms draw them.
using NoiseKey = std::array<uint32_t, 2>;

enum class Noise { kNormal, kUniform };  // N(0, 1); [-1, 1)

// `count` numbers of each key, float32 (keys, count) on the CPU.
at::Tensor make_noise(Noise kind, const std::vector<NoiseKey>& keys, int64_t count);

// clamp(x + mean + sigma N(0, 1)), the clamp to [0, 1] where `clip`. sigma >= 0: (samples), or one for all;
// differentiable in images and sigma. `noise_key`: two 32-bit numbers for all images, or for each. Source: torchvision
// v2 functional.gaussian_noise.
at::Tensor image_gaussian_noise(const at::Tensor& images, const at::Tensor& sigma,
                                const std::vector<int64_t>& noise_key, double mean, bool clip);

}  // namespace contrastive::augment_tensor
