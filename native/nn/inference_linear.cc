// A linear layer with the GELU or the addition behind it as one operation, for inference: oneDNN's product, its weight
// in the layout that this machine's kernels want, the rest inside the kernel.
#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <optional>
#include <vector>

#include "core/error.h"
#include "core/op.h"
#include "nn/inference_dtype.h"
#include "nn/onednn.h"
#include "nn/packed_weights.h"

namespace contrastive::nn {
namespace {

using OptionalTensor = std::optional<at::Tensor>;

enum LinearOperator { kPackLinear, kPlainLinear, kAddLinear };

const OnednnOperators& linear_kernels() {
  static const OnednnOperators operators(
      {{"_reorder_linear_weight", ""}, {"_linear_pointwise", ""}, {"_linear_pointwise", "binary"}});
  return operators;
}

// libtorch's layer takes a weight of one dimension too, and any bias that can be added; the kernels do not look.
bool fits_kernels(const at::Tensor& x, const at::Tensor& weight, const OptionalTensor& bias) {
  return x.dim() >= 2 && x.numel() > 0 && weight.dim() == 2 && weight.numel() > 0 &&
         (!bias || bias->sizes() == weight.sizes().slice(0, 1));
}

// gelu(x Wᵀ + b), or x Wᵀ + b + residual; GELU by its definition.
at::Tensor inference_linear(const at::Tensor& input, const at::Tensor& weight, const OptionalTensor& bias,
                            const OptionalTensor& residual, bool gelu) {
  CONTRASTIVE_CHECK(!(gelu && residual), kOptionError, "gelu and residual exclude each other");
  if (input.is_meta()) return at::linear(input, weight, bias);

  const c10::NoGradGuard no_grad;
  const at::ScalarType dtype = inference_dtype(input);
  const at::Tensor x = input.to(dtype).contiguous();
  const bool packs = linear_kernels().take(x) && fits_kernels(x, weight, bias);
  std::vector<at::Tensor> sources = {weight};
  if (bias) sources.push_back(*bias);
  const Folded folded = folded_weights(sources, message("linear ", dtype, ' ', packs, packs && is_alone(x)), [&] {
    Folded made{weight.to(dtype).contiguous(), bias ? bias->to(dtype) : at::Tensor()};
    if (packs) made.weight = linear_kernels().call(kPackLinear, {made.weight, x.numel() / x.size(-1)});
    return made;
  });
  if (!packs) {
    const at::Tensor y = at::linear(x, folded.weight, bias ? OptionalTensor(folded.bias) : std::nullopt);
    if (gelu) return at::gelu(y);
    return residual ? y + residual->to(dtype) : y;
  }
  const c10::IValue added = bias ? c10::IValue(folded.bias) : c10::IValue();
  if (!residual)
    return linear_kernels().call(kPlainLinear, {x, folded.weight, added, gelu ? "gelu" : "none", no_scalars(),
                                                gelu ? c10::IValue("none") : c10::IValue()});
  std::vector<int64_t> sizes = x.sizes().vec();
  sizes.back() = weight.size(0);
  CONTRASTIVE_CHECK(residual->sizes() == sizes, kShapeError, "residual must have shape ", at::IntArrayRef(sizes),
                    ", that of the result, got ", residual->sizes());
  return linear_kernels().call(kAddLinear, {x, residual->to(dtype).contiguous(), folded.weight, added, "add"});
}

CONTRASTIVE_OP(inference_linear,
               "_inference_linear(Tensor input, Tensor weight, Tensor? bias=None, Tensor? residual=None, *, "
               "bool gelu=False) -> Tensor");

}  // namespace
}  // namespace contrastive::nn
