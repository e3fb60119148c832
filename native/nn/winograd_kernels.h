// 3x3 convolutions of stride 1 with fewer multiplications than outputs times weights: Winograd's minimal filtering,
// Y = Aᵀ[(G g Gᵀ) ⊙ (Bᵀ d B)]A (Lavin & Gray 2016, arXiv:1509.09308, eq. 8), where d are the pixels under a tile of
// outputs and g the weights of one input and one output channel. The sum over channels is taken before Aᵀ, so that ⊙ is
// one product of matrices for each of the points. Free of torch headers. Images are float32 in channels_last memory,
// with channels and outputs that are multiples of kWinogradChannels.
#pragma once

#include <cstdint>

namespace contrastive::nn {

inline constexpr int64_t kWinogradChannels = 16;
inline constexpr int64_t kWinogradTiles = 96;    // of one call of `convolve`, at most
inline constexpr int64_t kWinogradDepth = 32;    // tiles that `weight_products` transforms at a time
inline constexpr int64_t kWinogradPadding = 16;  // floats between the matrices of two points: not the same cache sets
inline constexpr int64_t kWinogradPoints = 16;   // of a tile of 2x2 outputs

struct WinogradShape {
  int64_t images, height, width, channels;
  int64_t outputs, output_height, output_width;  // `outputs` are channels
  int64_t padding;
  int64_t tile_rows, tile_columns;  // of an image; the last ones may reach past its end
};

struct Range {
  int64_t begin, end;
};

// Strides of a weight, in elements. Negative ones turn it round, as the gradient of the input wants it.
struct WinogradWeight {
  int64_t output, channel, row, column;
};

// What follows the convolution. `residual` may be what is written to.
struct WinogradEpilogue {
  const float* bias;      // for each output, or null
  const float* residual;  // as the result, or null
  bool relu;              // a NaN stays one
};

struct WinogradKernels {
  int64_t side;    // of a tile of outputs
  int64_t points;  // (side + 2)²

  // G g Gᵀ, points x (channels x outputs + kWinogradPadding) floats in all; of some outputs, from a multiple of 32.
  void (*transform_weight)(const WinogradShape& shape, const WinogradWeight& weight, const float* data, Range outputs,
                           float* transformed);

  // Some outputs (from a multiple of 32) of some tiles, which are numbered through all images. `workspace` holds
  // points x (tiles x (channels + outputs) + 2 kWinogradPadding) floats.
  void (*convolve)(const WinogradShape& shape, const float* x, const float* transformed,
                   const WinogradEpilogue& epilogue, float* y, Range tiles, Range outputs, float* workspace);
};

// The gradient of the weight with tiles of 2x2: Gᵀ[Σ (A dY Aᵀ) ⊙ (Bᵀ d B)]G over all tiles, the transposes of the
// above.
struct WinogradGradientKernels {
  // products = Σ (A dY Aᵀ) ⊙ (Bᵀ d B) over some tiles: kWinogradPoints x channels x outputs floats. `workspace` holds
  // kWinogradPoints x (kWinogradDepth x (channels + outputs) + 2 kWinogradPadding) floats.
  void (*weight_products)(const WinogradShape& shape, const float* x, const float* dy, Range tiles, Range channels,
                          Range outputs, float* products, float* workspace);

  // Gᵀ S G with S the sum of `count` such arrays, `stride` floats apart, in that order; to the strides of `weight`.
  void (*weight_gradient)(const float* products, int64_t count, int64_t stride, Range channels, Range outputs,
                          const WinogradWeight& weight, float* gradient);
};

struct WinogradSet {
  WinogradKernels small, large;  // tiles of 2x2 and 4x4 outputs
  WinogradGradientKernels gradient;
};

// The widest that this processor runs; null where there is none.
const WinogradSet* winograd_kernels();

}  // namespace contrastive::nn
