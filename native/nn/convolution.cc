// Where libtorch's convolutions on a CPU are computed another way: 3x3 of stride 1 in float32, where winograd.h is
// faster than oneDNN, which libtorch calls; and two gradients that oneDNN computes wrongly on x64.
//
// The weight of a 1x1 kernel with a stride: the pixels that the stride meets are copied into a workspace, which has
// room for the channels there are; then it works on whole blocks of 8 (AVX2) or 16 channels (AVX-512), and writes past
// its end (github.com/uxlfoundation/oneDNN, issue 6035). The heap that is corrupted so ends the process, now or later,
// or makes wrong numbers, or keeps two threads waiting for ever. The pixels are taken here, before, and what is left is
// a convolution of stride 1: where the blocks are whole, that is merely faster (0.4 to 0.9 of the time in ResNet-18).
// Where a side is odd, oneDNN would have taken its general kernel for the stride, and now takes that for 1x1, which
// adds up the pixels in another order: the last bits differ.
//
// The weight in bfloat16 where an image is so small that parts of the kernel meet padding only (3x3 over one pixel):
// their gradient is 0, and is not written at all: what lay in memory comes back, NaN among it. It is computed in
// float32.
//
// All stand below autograd, so that our encoders and `ops.conv2d`, derivatives of gradients, recordings and export need
// not know of it. docs/troubleshooting.md has a report of the faults; `npm run sweep` shows that nothing is wrong with
// this file, and with --plain what is without it.
#include <ATen/ATen.h>
#include <ATen/CompositeExplicitAutogradFunctions.h>
#include <torch/library.h>

#include <array>
#include <optional>
#include <tuple>
#include <vector>

#include "nn/winograd.h"

namespace contrastive::nn {
namespace {

using at::IntArrayRef;
using at::Tensor;

// The pixels that the stride meets: a view. One stride may stand for all dimensions.
Tensor met_by(Tensor x, IntArrayRef stride) {
  for (int64_t i = 0; i + 2 < x.dim(); ++i) {
    const int64_t step = stride[stride.size() == 1 ? 0 : i];
    if (step != 1) x = x.slice(i + 2, std::nullopt, std::nullopt, step);
  }
  return x;
}

using Gradients = std::tuple<Tensor, Tensor, Tensor>;  // of input, weight and bias

struct Convolution {
  at::OptionalIntArrayRef bias_sizes;
  IntArrayRef stride, padding, dilation;
  bool transposed;
  IntArrayRef output_padding;
  int64_t groups;
  std::array<bool, 3> output_mask;

  Gradients backward(const Tensor& grad_output, const Tensor& input, const Tensor& weight, IntArrayRef step) const {
    return at::compositeexplicitautograd::convolution_backward(grad_output, input, weight, bias_sizes, step, padding,
                                                               dilation, transposed, output_padding, groups,
                                                               output_mask);
  }

  std::optional<Winograd> winograd(const Tensor& input, const Tensor& weight) const {
    if (transposed) return std::nullopt;
    return winograd_for_training(input, weight, {stride, padding, dilation, groups});
  }

  bool is_strided_point(const Tensor& weight) const {
    return all_are(weight.sizes().slice(2), 1) && all_are(padding, 0) && !all_are(stride, 1);
  }

  // Some part of the kernel meets padding only.
  bool has_idle_parts(const Tensor& grad_output, const Tensor& input, const Tensor& weight) const {
    for (int64_t i = 0; i + 2 < input.dim(); ++i) {
      const auto of = [i](IntArrayRef values) { return values[values.size() == 1 ? 0 : i]; };
      for (int64_t part = 0; part < weight.size(i + 2); ++part) {
        bool meets = false;
        for (int64_t window = 0; window < grad_output.size(i + 2) && !meets; ++window) {
          const int64_t at = window * of(stride) + part * of(dilation) - of(padding);
          meets = at >= 0 && at < input.size(i + 2);
        }
        if (!meets) return true;
      }
    }
    return false;
  }
};

Gradients strided_point_backward(const Convolution& convolution, const Tensor& grad_output, const Tensor& input,
                                 const Tensor& weight) {
  const IntArrayRef stride = convolution.stride;
  const Tensor met = met_by(input, stride).contiguous(input.suggest_memory_format());
  auto [grad_input, grad_weight, grad_bias] =
      convolution.backward(grad_output, met, weight, std::vector<int64_t>(stride.size(), 1));
  if (grad_input.defined()) {
    Tensor spread = at::zeros_like(input);
    met_by(spread, stride).copy_(grad_input);
    grad_input = spread;
  }
  return {grad_input, grad_weight, grad_bias};
}

Gradients backward_in_float32(const Convolution& convolution, const Tensor& grad_output, const Tensor& input,
                              const Tensor& weight) {
  const auto narrow = [&](const Tensor& x) { return x.defined() ? x.to(input.scalar_type()) : x; };
  const auto [grad_input, grad_weight, grad_bias] =
      convolution.backward(grad_output.to(at::kFloat), input.to(at::kFloat), weight.to(at::kFloat), convolution.stride);
  return {narrow(grad_input), narrow(grad_weight), narrow(grad_bias)};
}

Gradients winograd_backward(const Convolution& convolution, const Winograd& winograd, const Tensor& grad_output,
                            const Tensor& input, const Tensor& weight) {
  const auto [of_input, of_weight, of_bias] = convolution.output_mask;
  const Tensor gradient = grad_output.contiguous(at::MemoryFormat::ChannelsLast);
  return {of_input ? winograd_input_gradient(winograd, gradient, weight) : Tensor(),
          of_weight ? winograd_weight_gradient(winograd, gradient, input, weight) : Tensor(),
          of_bias ? gradient.sum({0, 2, 3}) : Tensor()};
}

Tensor routed_convolution(const Tensor& input, const Tensor& weight, const std::optional<Tensor>& bias,
                          IntArrayRef stride, IntArrayRef padding, IntArrayRef dilation, bool transposed,
                          IntArrayRef output_padding, int64_t groups) {
  const Convolution convolution{{}, stride, padding, dilation, transposed, output_padding, groups, {}};
  // libtorch has the messages for a bias that does not fit.
  const bool has_bias = bias && bias->defined();
  const bool fits = !has_bias || (bias->sizes() == weight.sizes().slice(0, 1) && bias->scalar_type() == at::kFloat);
  if (const auto winograd = fits ? convolution.winograd(input, weight) : std::nullopt)
    return winograd_convolution(*winograd, input, transformed_weight(*winograd, weight),
                                {.bias = has_bias ? bias : std::nullopt});
  return at::compositeexplicitautograd::convolution(input, weight, bias, stride, padding, dilation, transposed,
                                                    output_padding, groups);
}

Gradients routed_convolution_backward(const Tensor& grad_output, const Tensor& input, const Tensor& weight,
                                      at::OptionalIntArrayRef bias_sizes, IntArrayRef stride, IntArrayRef padding,
                                      IntArrayRef dilation, bool transposed, IntArrayRef output_padding, int64_t groups,
                                      std::array<bool, 3> output_mask) {
  const Convolution convolution{bias_sizes, stride, padding, dilation, transposed, output_padding, groups, output_mask};
  if (const auto winograd = convolution.winograd(input, weight))
    return winograd_backward(convolution, *winograd, grad_output, input, weight);
  if (output_mask[1] && !transposed) {
    if (convolution.is_strided_point(weight)) return strided_point_backward(convolution, grad_output, input, weight);
    if (at::isReducedFloatingType(input.scalar_type()) && convolution.has_idle_parts(grad_output, input, weight))
      return backward_in_float32(convolution, grad_output, input, weight);
  }
  return convolution.backward(grad_output, input, weight, stride);
}

// Never deregistered, as in meta_kernels.cc.
[[maybe_unused]] const bool convolutions_registered = [] {
  if (has_plain_convolutions()) return false;
  static auto* const library =
      new torch::Library(torch::Library::IMPL, "aten", c10::DispatchKey::CPU, __FILE__, __LINE__);
  library->impl("convolution", &routed_convolution);
  library->impl("convolution_backward", &routed_convolution_backward);
  return true;
}();

}  // namespace
}  // namespace contrastive::nn
