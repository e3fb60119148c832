// Mean and variance of a batch whose rows several processes hold.
#pragma once

#include <ATen/core/Tensor.h>

namespace contrastive::nn {

// Of values that belong to channels, in float64, (2 · channels + 1): how many a channel has; then for each channel
// their mean; then for each Σ (x - mean)².
struct Moments {
  at::Tensor values;

  int64_t channels() const { return values.size(0) / 2; }
  at::Tensor count() const { return values.select(0, 0); }  // ()
  at::Tensor mean() const { return values.narrow(0, 1, channels()); }
  at::Tensor squares() const { return values.narrow(0, 1 + channels(), channels()); }
};

// Those of all ranks' values together, the same in each rank to the bit, on the device of its own. Nobody waits for a
// device whose tensors travel from there. Throws kShapeError for one value a channel; on a device, where nobody
// reads the count, count and mean are then NaN.
Moments over_all_ranks(const Moments& own);

// Σ over the ranks of float64 numbers (n), in the same way.
at::Tensor sum_over_all_ranks(const at::Tensor& own);

}  // namespace contrastive::nn
