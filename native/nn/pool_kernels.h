// Maxima over the windows of images in channels_last memory. Free of torch headers.
#pragma once

#include <cstdint>

namespace contrastive::nn {

struct PoolKernels {
  // y[c] = the largest of rows[i][c] over i < count, for each of the channels; a NaN stays one. count >= 1.
  void (*largest)(const float* const* rows, int64_t count, int64_t channels, float* y);
};

// The widest that this processor runs.
const PoolKernels& pool_kernels();

}  // namespace contrastive::nn
