// Philox-4x32-10, a counter-based generator: a draw is a pure function of its key and counter.
// Source: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3". Free of torch headers.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>

namespace contrastive {

// What a stream of draws is for, so that two uses of one seed never share numbers.
enum class Purpose : uint32_t { kAugment = 1, kInit = 2, kDropout = 3 };

// The stream of numbers for (seed, purpose, epoch, sample, view).
class Philox {
 public:
  Philox(uint64_t seed, Purpose purpose, uint32_t epoch, uint64_t sample, uint32_t view)
      : key_{static_cast<uint32_t>(seed),
             static_cast<uint32_t>(seed >> 32) ^ (static_cast<uint32_t>(purpose) << 16) ^ view},
        counter_{0, epoch, static_cast<uint32_t>(sample), static_cast<uint32_t>(sample >> 32)} {}

  uint32_t next() {
    if (used_ == 4) {
      block_ = rounds(counter_, key_);
      ++counter_[0];
      used_ = 0;
    }
    return block_[used_++];
  }

  // Uniform in [0, 1), 53 bits.
  double uniform() {
    const uint64_t high = next(), low = next();
    return static_cast<double>(((high << 32) | low) >> 11) * 0x1.0p-53;
  }

  double uniform(double low, double high) { return low + (high - low) * uniform(); }

  // Uniform integer in [0, n), n >= 1, without modulo bias worth the name (n far below 2^53).
  int64_t below(int64_t n) { return static_cast<int64_t>(uniform() * static_cast<double>(n)); }

  // Standard normal (Box-Muller).
  double normal() {
    const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));
    return radius * std::cos(6.283185307179586 * uniform());
  }

  using Block = std::array<uint32_t, 4>;

  static Block rounds(Block c, std::array<uint32_t, 2> k) {
    for (int round = 0; round < 10; ++round) {
      const uint64_t a = uint64_t{0xD2511F53} * c[0], b = uint64_t{0xCD9E8D57} * c[2];
      c = {static_cast<uint32_t>(b >> 32) ^ c[1] ^ k[0], static_cast<uint32_t>(b),
           static_cast<uint32_t>(a >> 32) ^ c[3] ^ k[1], static_cast<uint32_t>(a)};
      k[0] += 0x9E3779B9;
      k[1] += 0xBB67AE85;
    }
    return c;
  }

 private:
  std::array<uint32_t, 2> key_;
  Block counter_;
  Block block_{};
  int used_ = 4;
};

}  // namespace contrastive
