// Noise that a key chooses: made on the CPU by the generator of native/augment, so that a key means the same noise on
// every device, and uploaded.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "augment/noise.h"

namespace contrastive::augment_tensor {

enum class Noise { kNormal, kUniform };  // N(0, 1); [-1, 1)

// `count` numbers of each key, float32 (keys, count) on the CPU.
at::Tensor make_noise(Noise kind, const std::vector<augment::NoiseKey>& keys, int64_t count);

}  // namespace contrastive::augment_tensor
