// 3x3 convolutions of images in float32 by winograd_kernels.h, on a CPU. Results are the same with any number of
// threads.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>

#include "nn/winograd_kernels.h"

namespace contrastive::nn {

// A convolution that is taken this way.
struct Winograd {
  const WinogradKernels* kernels;
  WinogradShape shape;
};

struct ConvolutionOptions {
  at::IntArrayRef stride, padding, dilation;
  int64_t groups;
};

bool all_are(at::IntArrayRef values, int64_t value);

// Whether CONTRASTIVE_PLAIN_CONVOLUTIONS=1 leaves all convolutions to libtorch.
bool has_plain_convolutions();

// Nothing where a convolution of `input` (images, channels, height, width) is of another kind, or libtorch's is faster.
// `weight` is (outputs, channels, 3, 3). Tiles of 2x2 outputs, whose rounding errors are smaller than those of plain
// sums.
std::optional<Winograd> winograd_for_training(const at::Tensor& input, const at::Tensor& weight,
                                              const ConvolutionOptions& options);

// The same for a weight that is transformed once and used often. With tiles of 4x4 where there are enough: errors are
// up to ten times those of plain sums, 1e-5 of the largest output; of the features of ResNet-18 and -50, 1e-6.
std::optional<Winograd> winograd_for_inference(const at::Tensor& input, const at::Tensor& weight,
                                               const ConvolutionOptions& options);

at::Tensor transformed_weight(const Winograd& winograd, const at::Tensor& weight);

// What is added to a convolution, and ReLU behind it.
struct Addition {
  std::optional<at::Tensor> bias, residual;  // the residual is channels_last
  bool in_place = false;                     // the residual's memory becomes the result's
  bool relu = false;
};

at::Tensor winograd_convolution(const Winograd& winograd, const at::Tensor& input, const at::Tensor& transformed,
                                const Addition& addition);

// `grad_output` is channels_last.
at::Tensor winograd_input_gradient(const Winograd& winograd, const at::Tensor& grad_output, const at::Tensor& weight);

at::Tensor winograd_weight_gradient(const Winograd& winograd, const at::Tensor& grad_output, const at::Tensor& input,
                                    const at::Tensor& weight);

}  // namespace contrastive::nn
