#include "models/module.h"

#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "core/slot.h"

namespace contrastive::models {

namespace {

void add(std::vector<NamedTensor>& list, const std::string& name, const at::Tensor& value) {
  const bool taken =
      std::any_of(list.begin(), list.end(), [&](const NamedTensor& entry) { return entry.name == name; });
  CONTRASTIVE_CHECK(!taken, kStateError, "a module already has a tensor named '", name, "'");
  list.push_back({name, value});
}

}  // namespace

at::Tensor ParameterStore::parameter(const std::string& name, const at::Tensor& value) {
  add(parameters, name, value.requires_grad_(true));
  parameter_twins.push_back({name, twin_of(value)});
  return value;
}

at::Tensor ParameterStore::buffer(const std::string& name, const at::Tensor& value) {
  add(buffers, name, value);
  buffer_twins.push_back({name, twin_of(value)});
  return value;
}

at::ScalarType Module::output_dtype(at::ScalarType input, at::DeviceType device) const {
  const at::ScalarType own = store_.parameter_twins.front().tensor.scalar_type();
  const bool autocast = at::autocast::is_autocast_enabled(device);
  CONTRASTIVE_CHECK(input == own || (autocast && at::isFloatingType(input) && input != at::kDouble), kDTypeError,
                    "the input must have the dtype of the module's parameters, ", own, ", got ", input);
  return autocast ? at::autocast::get_autocast_dtype(device) : own;
}

void Module::to(at::Device device) {
  const c10::NoGradGuard no_grad;
  for (auto* list : {&store_.parameters, &store_.buffers}) {
    for (auto& [name, tensor] : *list) {
      at::Tensor gradient = tensor.grad();
      tensor.set_data(tensor.detach().to(device));
      if (gradient.defined()) tensor.mutable_grad() = gradient.to(device);
    }
  }
}

}  // namespace contrastive::models
