// The key of a transform's noise: two drawn 32-bit numbers, so that replaying them gives the same noise. The noise of a
// key is the stream Philox(key, Purpose::kAugment, 0, 0, 0), read in chunks of 64 blocks: number i of chunk k is word
// i / 64 of block 64 k + i mod 64. A word's upper 24 bits are a uniform number; of every four words, Box-Muller makes
// normal ones (kernels/noise.inc).
#pragma once

#include <array>
#include <cstdint>

#include "augment/transform.h"

namespace contrastive::augment {

// Key words as the kernels take them, from drawn numbers `at` and `at` + 1.
inline std::array<uint32_t, 2> noise_key(const Drawn& drawn, int at) {
  const auto low = static_cast<uint32_t>(drawn[at]), high = static_cast<uint32_t>(drawn[at + 1]);
  return {low, high ^ (static_cast<uint32_t>(Purpose::kAugment) << 16)};
}

inline Drawn draw_noise_key(Philox& random) {
  const double low = random.next(), high = random.next();
  return {low, high};
}

// Throws kOptionError when drawn numbers `at` and `at` + 1 are no key.
inline void check_noise_key(const Drawn& drawn, int at, const std::string& kind) {
  for (int i = at; i < at + 2; ++i)
    CONTRASTIVE_CHECK(drawn[i] >= 0 && drawn[i] < 0x1p32 && drawn[i] == std::floor(drawn[i]), kOptionError, kind,
                      ": noiseKey must be two unsigned 32-bit integers");
}

}  // namespace contrastive::augment
