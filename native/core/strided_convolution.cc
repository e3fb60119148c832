// A way round the one convolution that libtorch computes wrongly on x64: the gradient of the weight of a 1x1 kernel
// with a stride. oneDNN, which computes it, copies the pixels that the stride meets into a workspace, which has room
// for the channels there are, then works on whole blocks of 8 (AVX2) or 16 channels (AVX-512), and writes past its end
// (github.com/uxlfoundation/oneDNN, issue 6035). The heap that is corrupted so ends the process, now or later, or makes
// wrong numbers, or keeps two threads waiting for ever. docs/troubleshooting.md has a report; `npm run sweep` shows
// that nothing is wrong with this file, and with --plain what is without it.
//
// Where there are no whole blocks, the pixels are taken here, before, and what is left is a convolution of stride 1. It
// stands where autograd asks for gradients, so that our encoders and `ops.conv2d` need not know of it.
#include <ATen/ATen.h>
#include <ATen/CompositeExplicitAutogradFunctions.h>
#include <torch/library.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <optional>
#include <string_view>
#include <tuple>
#include <vector>

namespace contrastive {
namespace {

using at::IntArrayRef;
using at::Tensor;

constexpr int64_t kBlock = 16;  // channels, the widest

bool all_are(IntArrayRef values, int64_t value) {
  return std::all_of(values.begin(), values.end(), [&](int64_t each) { return each == value; });
}

// The pixels that the stride meets: a view. One stride may stand for all dimensions.
Tensor met_by(Tensor x, IntArrayRef stride) {
  for (int64_t i = 0; i + 2 < x.dim(); ++i) {
    const int64_t step = stride[stride.size() == 1 ? 0 : i];
    if (step != 1) x = x.slice(i + 2, std::nullopt, std::nullopt, step);
  }
  return x;
}

std::tuple<Tensor, Tensor, Tensor> routed_convolution_backward(const Tensor& grad_output, const Tensor& input,
                                                               const Tensor& weight, at::OptionalIntArrayRef bias_sizes,
                                                               IntArrayRef stride, IntArrayRef padding,
                                                               IntArrayRef dilation, bool transposed,
                                                               IntArrayRef output_padding, int64_t groups,
                                                               std::array<bool, 3> output_mask) {
  const auto compute = [&](const Tensor& x, IntArrayRef step) {
    return at::compositeexplicitautograd::convolution_backward(
        grad_output, x, weight, bias_sizes, step, padding, dilation, transposed, output_padding, groups, output_mask);
  };
  const bool is_wrong = output_mask[1] && !transposed && all_are(weight.sizes().slice(2), 1) && all_are(padding, 0) &&
                        !all_are(stride, 1) && input.size(1) % kBlock != 0;
  if (!is_wrong) return compute(input, stride);
  auto [grad_input, grad_weight, grad_bias] =
      compute(met_by(input, stride).contiguous(input.suggest_memory_format()), std::vector<int64_t>(stride.size(), 1));
  if (grad_input.defined()) {
    Tensor spread = at::zeros_like(input);
    met_by(spread, stride).copy_(grad_input);
    grad_input = spread;
  }
  return {grad_input, grad_weight, grad_bias};
}

bool is_left_alone() {
  const char* wish =
      std::getenv("CONTRASTIVE_PLAIN_CONVOLUTIONS");  // NOLINT(concurrency-mt-unsafe): read once, at load
  return wish != nullptr && std::string_view(wish) == "1";
}

// Never deregistered, as in meta_kernels.cc.
[[maybe_unused]] const bool convolutions_registered = [] {
  if (is_left_alone()) return false;
  static auto* const library =
      new torch::Library(torch::Library::IMPL, "aten", c10::DispatchKey::CPU, __FILE__, __LINE__);
  library->impl("convolution_backward", &routed_convolution_backward);
  return true;
}();

}  // namespace
}  // namespace contrastive
