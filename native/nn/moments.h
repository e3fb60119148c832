// Mean and variance of a batch whose rows several processes hold.
#pragma once

#include <cstdint>
#include <vector>

namespace contrastive::nn {

// For each channel.
struct Moments {
  Moments(int64_t channels, int64_t values) : count(static_cast<double>(values)), mean(channels), squares(channels) {}
  double count;  // values a channel
  std::vector<double> mean;
  std::vector<double> squares;  // Σ (x - mean)²
};

// Those of all ranks' rows together, the same in each rank to the bit. Source: Chan, Golub & LeVeque 1983, eq. 2.1.
Moments over_all_ranks(const Moments& own);

// Σ over the ranks, one by one; the same in each to the bit.
std::vector<double> sum_over_all_ranks(std::vector<double> own);

}  // namespace contrastive::nn
