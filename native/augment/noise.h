// The key of a transform's noise: two drawn 32-bit numbers, so that replaying them gives the same noise. The noise of a
// key is the stream Philox(key, Purpose::kAugment, 0, 0, 0), read in chunks of 64 blocks: number i of chunk k is word
// i / 64 of block 64 k + i mod 64. A word's upper 24 bits are a uniform number; of every four words, Box-Muller makes
// normal ones (kernels/noise.inc).
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "core/error.h"
#include "core/philox.h"

namespace contrastive::augment {

// As the kernels take it: the purpose is in it.
using NoiseKey = std::array<uint32_t, 2>;

// The key of two numbers; throws kOptionError where they are none of 32 bits.
template <typename Number>
NoiseKey noise_key(const std::string& where, Number low, Number high) {
  for (const Number number : {low, high})
    CONTRASTIVE_CHECK(number >= 0 && number <= Number{0xffffffff} && number == std::floor(number), kOptionError, where,
                      ": noiseKey must be two unsigned 32-bit integers, got ", number);
  return {static_cast<uint32_t>(low), static_cast<uint32_t>(high) ^ (static_cast<uint32_t>(Purpose::kAugment) << 16)};
}

}  // namespace contrastive::augment
