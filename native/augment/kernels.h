// The inner loops of augmentation, over contiguous planar rows of floats. One body (kernels/*.inc) is compiled once per
// instruction set (kernels_*.cc) and the best that this processor runs is chosen once. Bits may differ between
// instruction sets, never between runs or threads on one machine.
#pragma once

#include <cstdint>

namespace contrastive::augment {

// Inverse mapping of one output row: source position (x, y) of output pixel i, in pixel centres of the source plane.
//   x(i) = (x0 + i dx) / (w0 + i dw),  y(i) = (y0 + i dy) / (w0 + i dw)
struct WarpRow {
  float x0, dx, y0, dy, w0, dw;
};

// What lies outside an image; bilinear sampling may blend the edge with it.
struct Outside {
  float value;
  bool blends;
};

struct Kernels {
  const char* name;

  // out[i] = Σ_k weights[k] rows[k][i], i < n. Serves the vertical pass of a resize and both passes of a blur.
  void (*blend_bytes)(const uint8_t* const* rows, const float* weights, int taps, float* out, int n);
  void (*blend_rows)(const float* const* rows, const float* weights, int taps, float* out, int n);

  // out[i C + c] = Σ_k weights[i taps + k] row[(start[i] + k) C + c], i < n. row and out have 4 floats of slack.
  void (*resample)(const float* row, int channels, const int* start, const float* weights, int taps, float* out, int n);
  // planes[c stride + i] = row[i C + c]
  void (*deinterleave)(const float* row, int channels, float* planes, int64_t stride, int n);
  void (*reverse)(float* row, int n);

  // Point operations on values in [0, 1], in place; r, g, b are planes of n pixels.
  void (*scale)(float* x, int64_t n, float factor);                         // clamp(x f)
  void (*blend_constant)(float* x, int64_t n, float factor, float offset);  // clamp(x f + offset)
  void (*stretch)(float* x, int64_t n, float factor, float low);            // clamp((x - low) f)
  void (*solarize)(float* x, int64_t n, float threshold);                   // 1 - x where x >= threshold
  void (*posterize)(float* x, int64_t n, float levels);                     // floor(x levels) / levels, below 1
  void (*invert)(float* x, int64_t n);                                      // 1 - x
  void (*blend_gray)(float* r, float* g, float* b, int64_t n, float factor);
  void (*to_gray)(float* r, float* g, float* b, int64_t n);
  void (*shift_hue)(float* r, float* g, float* b, int64_t n, float shift);  // shift in turns, [-0.5, 0.5]

  // What a plane's values are like. Levels are the 256 of a byte; `table` has one value for each.
  double (*sum)(const float* x, int64_t n);
  double (*sum_gray)(const float* r, const float* g, const float* b, int64_t n);
  void (*extremes)(const float* x, int64_t n, float* low, float* high);  // n >= 1
  void (*count_levels)(const float* x, int64_t n, uint32_t* counts);
  void (*look_up)(float* x, int64_t n, const float* table);

  // One row of n pixels from three. `sharpen` writes 0 < i < n - 1; rows of `edges` have a pixel more on either side.
  void (*sharpen)(const float* above, const float* row, const float* below, float* out, int n, float factor);
  void (*edges)(const float* above, const float* row, const float* below, float* out, int n);

  // Numbers 0 ... n - 1 of the noise of a key (noise.h): N(0, 1), clamp(x + mean + sigma N(0, 1)), U[-1, 1).
  void (*normal_noise)(const uint32_t* key, float* out, int64_t n);
  void (*add_normal_noise)(const uint32_t* key, float mean, float sigma, float low, float high, float* x, int64_t n);
  void (*uniform_noise)(const uint32_t* key, float* out, int64_t n);

  // One output row of n pixels from planes of height x width, `channels` of them `stride` apart, both sides.
  void (*warp_nearest)(const WarpRow& map, const float* planes, int channels, int64_t stride, int height, int width,
                       const Outside& outside, float* out, int64_t out_stride, int n);
  void (*warp_bilinear)(const WarpRow& map, const float* planes, int channels, int64_t stride, int height, int width,
                        const Outside& outside, float* out, int64_t out_stride, int n);
  // Output row `row`: pixel i shows the source at (i + across[i], row + down[i]), in pixels.
  void (*displace_nearest)(const float* across, const float* down, int row, const float* planes, int channels,
                           int64_t stride, int height, int width, const Outside& outside, float* out,
                           int64_t out_stride);
  void (*displace_bilinear)(const float* across, const float* down, int row, const float* planes, int channels,
                            int64_t stride, int height, int width, const Outside& outside, float* out,
                            int64_t out_stride);

  // out = x scale[c] + offset[c] of n pixels, planar (planes `stride` apart) to interleaved, or planar again, float32
  // or bfloat16 (round to nearest even).
  void (*pack_float)(const float* planes, int channels, int64_t stride, int64_t n, const float* scale,
                     const float* offset, bool interleave, float* out);
  void (*pack_bfloat16)(const float* planes, int channels, int64_t stride, int64_t n, const float* scale,
                        const float* offset, bool interleave, uint16_t* out);
};

// The set in use: the widest that this processor runs.
const Kernels& kernels();

const Kernels& kernels_baseline();
#if defined(__x86_64__) || defined(_M_X64)
const Kernels& kernels_avx2();
const Kernels& kernels_avx512();
#endif

}  // namespace contrastive::augment
