// The passes of batch normalisation in training, fused with what follows it in a network: an addition and an
// activation. Free of torch headers. A tensor is a matrix of `rows` by `lanes`: channels_last memory, where the
// channels of several pixels may stand side by side in one row, so that `lanes` is a multiple of kLanes. Parameters are
// repeated likewise.
#pragma once

#include <cstdint>

namespace contrastive::nn {

inline constexpr int64_t kLanes = 64;

enum class Element { kFloat32, kBFloat16 };

enum class Activation { kNone, kRelu, kHardswish, kSilu };

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

  // y = act(scale * x + offset (+ residual)); a NaN stays one.
  void (*normalize)(Matrix m, const void* x, const void* residual, Activation act, const LaneParameters& p, void* y);

  // g is the gradient before the activation: dy · act'(z). sums = Σ g and Σ g (x - mean).
  // Without `y`, z is computed from x again. With it, the activation is ReLU: y > 0 is its derivative, and g is
  // written.
  void (*gradient_sums)(Matrix m, const void* x, const void* dy, const void* y, Activation act, const LaneParameters& p,
                        void* g, float* sums);

  // dx from g, or from dy in its place, where `act` is what lies between, as above.
  void (*input_gradient)(Matrix m, const void* x, const void* dy, Activation act, const LaneParameters& p, void* dx);
};

// The widest that this processor runs.
const BatchNormKernels& batch_norm_kernels();

}  // namespace contrastive::nn
