// Gradients as results: what backward() accumulates in leaves, this returns.
#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/autograd.h>

#include <optional>
#include <vector>

#include "core/error.h"
#include "core/op.h"

namespace contrastive::tensor {
namespace {

using Tensors = std::vector<at::Tensor>;

void check_grad(const Tensors& outputs, const Tensors& inputs, const std::optional<Tensors>& grad_outputs) {
  CONTRASTIVE_CHECK(!outputs.empty() && !inputs.empty(), kOptionError,
                    "grad: outputs and inputs must hold at least one tensor each");
  CONTRASTIVE_CHECK(!grad_outputs || grad_outputs->size() == outputs.size(), kOptionError,
                    "grad: gradOutputs must hold one tensor an output, expected ", outputs.size(), ", got ",
                    grad_outputs ? grad_outputs->size() : 0);
  for (const at::Tensor& output : outputs) {
    CONTRASTIVE_CHECK(output.requires_grad(), kAutogradError, "grad: each output must require a gradient");
    CONTRASTIVE_CHECK(grad_outputs || output.numel() == 1, kShapeError,
                      "grad: without gradOutputs each output must have one element, got shape ", output.sizes());
  }
  for (const at::Tensor& input : inputs)
    CONTRASTIVE_CHECK(input.requires_grad(), kAutogradError, "grad: each input must require a gradient");
  for (size_t i = 0; grad_outputs && i < outputs.size(); ++i)
    CONTRASTIVE_CHECK((*grad_outputs)[i].sizes() == outputs[i].sizes(), kShapeError,
                      "grad: each of gradOutputs must have its output's shape, expected ", outputs[i].sizes(), ", got ",
                      (*grad_outputs)[i].sizes());
}

// With create_graph, as the result of an operation: no leaf.
Tensors twins_of_gradients(const Tensors& inputs, bool create_graph) {
  const c10::AutoGradMode recorded(create_graph);
  Tensors twins;
  for (const at::Tensor& input : inputs) {
    const at::Tensor twin = at::empty_like(input.detach());
    twins.push_back(create_graph ? twin.set_requires_grad(true).clone() : twin);
  }
  return twins;
}

// An input that the outputs do not depend on is an error, or, with allow_unused, has a gradient of zeros.
Tensors grad(const Tensors& outputs, const Tensors& inputs, const std::optional<Tensors>& grad_outputs,
             std::optional<bool> retain_graph, bool create_graph, bool allow_unused) {
  check_grad(outputs, inputs, grad_outputs);
  if (outputs[0].is_meta()) return twins_of_gradients(inputs, create_graph);
  Tensors gradients = torch::autograd::grad(outputs, inputs, grad_outputs.value_or(Tensors()), retain_graph,
                                            create_graph, /*allow_unused=*/true);
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (gradients[i].defined()) continue;
    CONTRASTIVE_CHECK(allow_unused, kAutogradError, "grad: the outputs do not depend on input ", i,
                      "; allowUnused: true gives zeros for it");
    gradients[i] = at::zeros_like(inputs[i]);
  }
  return gradients;
}
CONTRASTIVE_OP(grad,
               "grad(Tensor[] outputs, Tensor[] inputs, *, Tensor[]? grad_outputs=None, bool? retain_graph=None, "
               "bool create_graph=False, bool allow_unused=False) -> Tensor[]");

}  // namespace
}  // namespace contrastive::tensor
