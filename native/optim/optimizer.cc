#include "optim/optimizer.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <string>
#include <unordered_map>
#include <utility>

#include "core/error.h"
#include "tensor/finite.h"

namespace contrastive::optim {

Optimizer::Optimizer(std::vector<NamedTensor> parameters) : parameters_(std::move(parameters)) {
  CONTRASTIVE_CHECK(!parameters_.empty(), kOptionError, "an optimizer needs at least one parameter");
}

void Optimizer::step(double lr) {
  const c10::NoGradGuard no_grad;
  update(lr);
}

const char* Optimizer::step_if_finite(double lr) {
  // No update within these bounds overflows; beyond them, what it changes is copied first.
  constexpr double kLargestNorm = 1e12, kLargestRate = 100;
  const c10::NoGradGuard no_grad;
  std::vector<at::Tensor> gradients, kept;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    const at::Tensor& parameter = parameters_[i].tensor;
    if (!parameter.grad().defined()) continue;
    gradients.push_back(parameter.grad());
    kept.push_back(parameter.detach());
    for (size_t slot = 0; slot < slots_; ++slot) kept.push_back(state_[slot * parameters_.size() + i].tensor);
  }
  const double largest = tensor::largest_norm(gradients);
  if (!tensor::all_finite(gradients, largest)) return "the gradient is";

  const bool safe = largest <= kLargestNorm && largest_kept_ <= kLargestNorm && lr <= kLargestRate;
  std::vector<at::Tensor> before;
  if (!safe)
    for (const at::Tensor& value : kept) before.push_back(value.clone());
  update(lr);
  largest_kept_ = tensor::largest_norm(kept);
  if (tensor::all_finite(kept, largest_kept_)) return nullptr;
  for (size_t i = 0; i < before.size(); ++i) kept[i].copy_(before[i]);
  return "the weights after the update are";
}

void Optimizer::zero_grad() {
  for (NamedTensor& parameter : parameters_) parameter.tensor.mutable_grad() = at::Tensor();
}

void Optimizer::check_state(const std::vector<NamedTensor>& values) const {
  std::unordered_map<std::string, const at::Tensor*> expected;
  for (const auto& [name, tensor] : state_) expected.emplace(name, &tensor);
  for (const auto& [name, tensor] : values) {
    const auto found = expected.find(name);
    CONTRASTIVE_CHECK(found != expected.end(), kStateError, "unknown or repeated optimizer state '", name, "'");
    CONTRASTIVE_CHECK(tensor.sizes() == found->second->sizes(), kShapeError, "optimizer state '", name,
                      "' must have shape ", found->second->sizes(), ", got ", tensor.sizes());
    expected.erase(found);
  }
  CONTRASTIVE_CHECK(expected.empty(), kStateError, "the optimizer state lacks '",
                    expected.empty() ? "" : expected.begin()->first, "'");
}

void Optimizer::load_state(const std::vector<NamedTensor>& values) {
  check_state(values);
  const c10::NoGradGuard no_grad;
  std::unordered_map<std::string, at::Tensor> own;
  for (const auto& [name, tensor] : state_) own.emplace(name, tensor);
  for (const auto& [name, tensor] : values) own.at(name).copy_(tensor);
}

void Optimizer::add_slot(const char* name, bool scalar) {
  for (const NamedTensor& parameter : parameters_) {
    const at::Tensor value = parameter.tensor.detach();
    state_.push_back({parameter.name + "." + name,
                      scalar ? at::zeros({}, value.options().dtype(at::kFloat)) : at::zeros_like(value)});
  }
  ++slots_;
}

Optimizer::Lists Optimizer::lists(bool weights) const {
  Lists lists;
  lists.slots.resize(slots_);
  for (size_t i = 0; i < parameters_.size(); ++i) {
    const auto& [name, parameter] = parameters_[i];
    at::Tensor gradient = parameter.grad();
    if (!gradient.defined() || (parameter.dim() > 1) != weights) continue;
    // The fused kernels walk memory in order, so a gradient in another layout would be added to the wrong elements.
    if (gradient.strides() != parameter.strides()) gradient = at::empty_like(parameter).copy_(gradient);
    lists.parameters.push_back(parameter);
    lists.gradients.push_back(std::move(gradient));
    for (size_t slot = 0; slot < slots_; ++slot) {
      const at::Tensor& state = state_[slot * parameters_.size() + i].tensor;
      CONTRASTIVE_CHECK(state.device() == parameter.device(), kDeviceError, "parameter '", name, "' is on ",
                        parameter.device(), " but its optimizer state is on ", state.device(),
                        "; make the optimizer after moving the module");
      lists.slots[slot].push_back(state);
    }
  }
  return lists;
}

}  // namespace contrastive::optim
