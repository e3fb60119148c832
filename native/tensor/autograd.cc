// What a tensor can do beside computing: gradients, and other dtypes and devices. Operations like all others, so that
// they can be recorded. On the twins of their arguments they check, so that an error is thrown at the caller.
#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <optional>
#include <vector>

#include "core/error.h"
#include "core/op.h"

namespace contrastive::tensor {
namespace {

void backward(const at::Tensor& self, const std::optional<at::Tensor>& gradient, bool retain_graph) {
  if (self.is_meta()) {
    CONTRASTIVE_CHECK(self.requires_grad(), kAutogradError, "backward(): this tensor does not require a gradient");
    CONTRASTIVE_CHECK(gradient || self.numel() == 1, kShapeError,
                      "backward() without a gradient needs a tensor of one element, got shape ", self.sizes());
    return;
  }
  self.backward(gradient.value_or(at::Tensor()), retain_graph);
}

at::Tensor gradient_of(const at::Tensor& self) {
  if (self.is_meta()) {
    const c10::NoGradGuard no_grad;
    return at::empty_like(self);
  }
  CONTRASTIVE_CHECK(self.grad().defined(), kAutogradError, "this tensor has no gradient: no backward() has reached it");
  return self.grad();
}

void drop_gradients(const std::vector<at::Tensor>& tensors) {
  for (const at::Tensor& tensor : tensors)
    if (!tensor.is_meta()) tensor.mutable_grad().reset();
}

void require_gradient(const at::Tensor& self, bool on) {
  CONTRASTIVE_CHECK(on || self.is_leaf(), kAutogradError,
                    "requiresGrad: the result of an operation cannot stop requiring one; use detach()");
  self.set_requires_grad(on);
}

// Onto another device: a copy, which the twin of one, on the same device before and after, cannot tell.
at::Tensor move(const at::Tensor& self, at::Device device, std::optional<at::ScalarType> dtype) {
  return self.to(self.options().dtype(dtype.value_or(self.scalar_type())).device(device), /*non_blocking=*/false,
                 /*copy=*/self.is_meta());
}

CONTRASTIVE_OP(backward, "_backward(Tensor self, Tensor? gradient=None, bool retain_graph=False) -> ()");
CONTRASTIVE_OP(gradient_of, "_gradient_of(Tensor self) -> Tensor");
CONTRASTIVE_OP(drop_gradients, "_drop_gradients(Tensor[] tensors) -> ()");
CONTRASTIVE_OP(require_gradient, "_require_gradient(Tensor self, bool on) -> ()");
CONTRASTIVE_OP(move, "_move(Tensor self, Device device, ScalarType? dtype=None) -> Tensor");

}  // namespace
}  // namespace contrastive::tensor
