// The passes of batch normalisation in training, fused with what follows it in a residual network: an addition and
// ReLU. Free of torch headers. A tensor is a matrix of `rows` by `lanes`: channels_last memory, where the channels of
// several pixels may stand side by side in one row, so that `lanes` is a multiple of kLanes. Parameters are repeated
// likewise.
#pragma once

#include <cstdint>

namespace contrastive::nn {

inline constexpr int64_t kLanes = 64;

enum class Element { kFloat32, kBFloat16 };

struct Matrix {
  Element element;
  int64_t rows;
  int64_t lanes;
};

// For every lane. Of the backward pass: gradient = scale * g + slope * (x - mean) + constant.
struct LaneParameters {
  const float* mean;
  const float* scale;   // weight / deviation
  const float* offset;  // bias - mean * scale
  const float* slope;
  const float* constant;
};

struct BatchNormKernels {
  // sums[0 .. lanes) = Σ (x - shift), sums[lanes .. 2 lanes) = Σ (x - shift)².
  void (*statistics)(Matrix m, const void* x, const float* shift, float* sums);

  // y = scale * x + offset (+ residual), then ReLU when `relu`; a NaN stays one.
  void (*normalize)(Matrix m, const void* x, const void* residual, bool relu, const LaneParameters& p, void* y);

  // g is the gradient behind ReLU: dy where y > 0. sums = Σ g and Σ g (x - mean).
  // Without `y`, y > 0 is decided from x again. With `g`, it is written there.
  void (*gradient_sums)(Matrix m, const void* x, const void* dy, const void* y, bool relu, const LaneParameters& p,
                        void* g, float* sums);

  // dx from g; `relu` when dy is given in its place, as above.
  void (*input_gradient)(Matrix m, const void* x, const void* dy, bool relu, const LaneParameters& p, void* dx);
};

// The widest that this processor runs.
const BatchNormKernels& batch_norm_kernels();

}  // namespace contrastive::nn
