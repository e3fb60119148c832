// A linear layer with the GELU or the addition behind it as one operation, for inference: oneDNN's product, its weight
// in the layout that this machine's kernels want, the rest inside the kernel.
#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <c10/core/GradMode.h>

#include <optional>
#include <string>
#include <vector>

#include "core/cpu.h"
#include "core/error.h"
#include "core/op.h"
#include "nn/inference_dtype.h"
#include "nn/packed_weights.h"

namespace contrastive::nn {
namespace {

using OptionalTensor = std::optional<at::Tensor>;

// oneDNN's operators of libtorch; without their header. Absent where it was built without them.
class LinearKernels {
 public:
  static const LinearKernels& get() {
    static const LinearKernels kernels;
    return kernels;
  }

  // libtorch's layer takes a weight of one dimension too, and any bias that can be added; these kernels do not look.
  bool take(const at::Tensor& x, const at::Tensor& weight, const OptionalTensor& bias) const {
    const bool has_dtype = x.scalar_type() == at::kFloat || (x.scalar_type() == at::kBFloat16 && has_bfloat16());
    const bool has_shapes = x.dim() >= 2 && x.numel() > 0 && weight.dim() == 2 && weight.numel() > 0 &&
                            (!bias || bias->sizes() == weight.sizes().slice(0, 1));
    return pack_ && x.device().is_cpu() && has_dtype && has_shapes;
  }

  at::Tensor pack(const at::Tensor& weight, int64_t rows) const { return call(*pack_, {weight, rows}); }

  at::Tensor run(const at::Tensor& x, const Folded& folded, bool gelu) const {
    return call(*plain_, {x, folded.weight, bias_of(folded), gelu ? "gelu" : "none",
                          c10::List<std::optional<at::Scalar>>(), gelu ? c10::IValue("none") : c10::IValue()});
  }

  at::Tensor run_and_add(const at::Tensor& x, const at::Tensor& other, const Folded& folded) const {
    return call(*add_, {x, other, folded.weight, bias_of(folded), "add"});
  }

 private:
  using Operator = std::optional<c10::OperatorHandle>;

  LinearKernels() {
    const auto find = [](const char* name, const char* overload) {
      return c10::Dispatcher::singleton().findSchema({std::string("mkldnn::") + name, overload});
    };
    const Operator pack = find("_reorder_linear_weight", ""), plain = find("_linear_pointwise", ""),
                   add = find("_linear_pointwise", "binary");
    if (!at::globalContext().userEnabledMkldnn() || !pack || !plain || !add) return;
    pack_ = pack;
    plain_ = plain;
    add_ = add;
  }

  static c10::IValue bias_of(const Folded& folded) {
    return folded.bias.defined() ? c10::IValue(folded.bias) : c10::IValue();
  }

  static at::Tensor call(const c10::OperatorHandle& op, Stack stack) {
    op.callBoxed(stack);
    return stack.front().toTensor();
  }

  Operator pack_, plain_, add_;
};

// gelu(x Wᵀ + b), or x Wᵀ + b + residual; GELU by its definition.
at::Tensor inference_linear(const at::Tensor& input, const at::Tensor& weight, const OptionalTensor& bias,
                            const OptionalTensor& residual, bool gelu) {
  CONTRASTIVE_CHECK(!(gelu && residual), kOptionError, "gelu and residual exclude each other");
  if (input.is_meta()) return at::linear(input, weight, bias);

  const c10::NoGradGuard no_grad;
  const at::ScalarType dtype = inference_dtype(input);
  const at::Tensor x = input.to(dtype).contiguous();
  const LinearKernels& kernels = LinearKernels::get();
  const bool packs = kernels.take(x, weight, bias);
  std::vector<at::Tensor> sources = {weight};
  if (bias) sources.push_back(*bias);
  // The layout is chosen for the first number of rows that comes; it differs little between them.
  const Folded folded = folded_weights(sources, message("linear ", dtype, ' ', packs), [&] {
    Folded made{weight.to(dtype).contiguous(), bias ? bias->to(dtype) : at::Tensor()};
    if (packs) made.weight = kernels.pack(made.weight, x.numel() / x.size(-1));
    return made;
  });
  if (!packs) {
    const at::Tensor y = at::linear(x, folded.weight, bias ? OptionalTensor(folded.bias) : std::nullopt);
    if (gelu) return at::gelu(y);
    return residual ? y + residual->to(dtype) : y;
  }
  if (!residual) return kernels.run(x, folded, gelu);
  std::vector<int64_t> sizes = x.sizes().vec();
  sizes.back() = weight.size(0);
  CONTRASTIVE_CHECK(residual->sizes() == sizes, kShapeError, "residual must have shape ", at::IntArrayRef(sizes),
                    ", that of the result, got ", residual->sizes());
  return kernels.run_and_add(x, residual->to(dtype).contiguous(), folded);
}

CONTRASTIVE_OP(inference_linear,
               "_inference_linear(Tensor input, Tensor weight, Tensor? bias=None, Tensor? residual=None, *, "
               "bool gelu=False) -> Tensor");

}  // namespace
}  // namespace contrastive::nn
