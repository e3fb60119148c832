// Linear layers over many rows, as 1×1 convolutions. libtorch gives float32 products to MKL, which leaves a third to a
// half of the speed of other makers' processors unused, AVX-512 among it; its convolutions are oneDNN's, which asks
// what the processor can do. The rows of channels_last memory are an image's pixels, so nothing is copied.
//
// It stands where autograd records, so that layers, attention and `ops.linear` need not know of it.
#include <ATen/ATen.h>
#include <ATen/CompositeImplicitAutogradFunctions.h>
#include <ATen/Parallel.h>
#include <torch/library.h>

#include <optional>
#include <vector>

namespace contrastive::nn {
namespace {

constexpr int64_t kFewestRows = 256;
constexpr int64_t kFewestProducts = int64_t{1} << 22;

// With one thread, libtorch gives 1×1 convolutions of fewer images to MKL too.
constexpr int64_t kImages = 16;

// libtorch adds a bias of any shape that fits the result; a convolution takes one number an output.
bool is_of_outputs(const std::optional<at::Tensor>& bias, const at::Tensor& weight) {
  return !bias || !bias->defined() || (bias->dim() == 1 && bias->size(0) == weight.size(0));
}

bool is_convolved(const at::Tensor& input, const at::Tensor& weight) {
  if (!at::globalContext().userEnabledMkldnn() || input.dim() < 2 || weight.dim() != 2) return false;
  if (input.scalar_type() != at::kFloat || weight.scalar_type() != at::kFloat) return false;
  if (input.size(-1) != weight.size(1) || weight.numel() == 0 || !input.is_contiguous()) return false;
  const int64_t rows = input.numel() / weight.size(1);
  if (rows < kFewestRows || rows * weight.numel() < kFewestProducts) return false;
  return rows % kImages == 0 || at::get_num_threads() > 1;
}

// x Wᵀ + b. input: float32 (..., in); weight: (out, in); bias: (out).
at::Tensor linear_of_rows(const at::Tensor& input, const at::Tensor& weight, const std::optional<at::Tensor>& bias) {
  if (!is_convolved(input, weight) || !is_of_outputs(bias, weight))
    return at::compositeimplicitautograd::linear(input, weight, bias);
  const int64_t inputs = weight.size(1), outputs = weight.size(0), rows = input.numel() / inputs;
  const int64_t images = rows % kImages == 0 ? kImages : 1;
  const at::Tensor pixels = input.view({images, rows / images, 1, inputs}).permute({0, 3, 1, 2});
  const at::Tensor y = at::conv2d(pixels, weight.view({outputs, inputs, 1, 1}), bias);
  std::vector<int64_t> sizes = input.sizes().vec();
  sizes.back() = outputs;
  return y.permute({0, 2, 3, 1}).reshape(sizes);
}

// Never deregistered, as in core/meta_kernels.cc.
[[maybe_unused]] const bool linear_registered = [] {
  static auto* const library =
      new torch::Library(torch::Library::IMPL, "aten", c10::DispatchKey::AutogradCPU, __FILE__, __LINE__);
  library->impl("linear", &linear_of_rows);
  return true;
}();

}  // namespace
}  // namespace contrastive::nn
