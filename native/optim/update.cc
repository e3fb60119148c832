#include "optim/update.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "optim/status.h"
#include "tensor/finite.h"

namespace contrastive::optim {
namespace {

void check_groups(const Update& request) {
  const auto groups = static_cast<int64_t>(request.rate_factors.size());
  CONTRASTIVE_CHECK(request.groups.size() == request.parameters.size(), kOptionError,
                    "groups must have a number for each of ", request.parameters.size(), " parameters, got ",
                    request.groups.size());
  CONTRASTIVE_CHECK(request.weight_decays.dim() == 1 && request.weight_decays.numel() == groups, kShapeError,
                    "weight_decays must have shape [", groups, "], got ", request.weight_decays.sizes());
  for (const int64_t group : request.groups)
    CONTRASTIVE_CHECK(group >= 0 && group < groups, kOptionError, "groups must be numbers of ", groups, " groups, got ",
                      group);
}

void check_scalar(const char* name, const at::Tensor& value) {
  CONTRASTIVE_CHECK(value.numel() == 1 && value.scalar_type() == at::kDouble, kDTypeError, name,
                    " must be a float64 scalar");
}

void check_update(const Update& request, size_t slots) {
  const Tensors &parameters = request.parameters, &state = request.state;
  CONTRASTIVE_CHECK(!parameters.empty(), kOptionError, "an optimizer needs at least one parameter");
  CONTRASTIVE_CHECK(state.size() == slots * parameters.size(), kShapeError, "the optimizer's state must hold ",
                    slots * parameters.size(), " tensors, ", slots, " a parameter, got ", state.size());
  for (size_t i = 0; i < state.size(); ++i) {
    const size_t place = i % parameters.size();
    CONTRASTIVE_CHECK(state[i].dim() == 0 || state[i].sizes() == parameters[place].sizes(), kShapeError,
                      "the state of parameter ", place, " must have its shape, ", parameters[place].sizes(), ", got ",
                      state[i].sizes());
  }
  check_groups(request);
  CONTRASTIVE_CHECK(request.learning_rate.numel() == 1, kShapeError, "learning_rate must have one element, got shape ",
                    request.learning_rate.sizes());
  const bool guarded = request.status.has_value();
  CONTRASTIVE_CHECK(guarded == request.largest.has_value() && guarded == request.gradient_norm.has_value(),
                    kOptionError, "status, gradient_norm and largest go together");
  if (!guarded) return;
  check_status(*request.status);
  check_scalar("gradient_norm", *request.gradient_norm);
  check_scalar("largest", *request.largest);
}

// Those of the parameters of a group that have a gradient.
Lists lists_of(const Update& request, size_t slots, size_t group, double learning_rate) {
  const size_t count = request.parameters.size();
  Lists lists{.slots = std::vector<Tensors>(slots),
              .group = group,
              .learning_rate = learning_rate * request.rate_factors[group],
              .weight_decay = request.weight_decays.select(0, static_cast<int64_t>(group)).item<double>()};
  for (size_t i = 0; i < count; ++i) {
    const at::Tensor& parameter = request.parameters[i];
    at::Tensor gradient = parameter.grad();
    if (!gradient.defined() || static_cast<size_t>(request.groups[i]) != group) continue;
    // The fused kernels walk memory in order, so a gradient in another layout would be added to the wrong elements.
    if (gradient.strides() != parameter.strides()) gradient = at::empty_like(parameter).copy_(gradient);
    lists.parameters.push_back(parameter);
    lists.gradients.push_back(std::move(gradient));
    for (size_t slot = 0; slot < slots; ++slot) lists.slots[slot].push_back(request.state[slot * count + i]);
  }
  return lists;
}

void apply(const Update& request, const Optimizer& optimizer, double learning_rate) {
  for (size_t group = 0; group < request.rate_factors.size(); ++group) {
    const Lists lists = lists_of(request, optimizer.slots, group, learning_rate);
    if (lists.parameters.empty()) continue;
    optimizer.rule(lists);
    // libtorch's fused updates do not count versions up, by which autograd and inference know of a change.
    for (const at::Tensor& parameter : lists.parameters) parameter.unsafeGetTensorImpl()->bump_version();
    for (const Tensors& slot : lists.slots)
      for (const at::Tensor& value : slot) value.unsafeGetTensorImpl()->bump_version();
  }
}

// Whether no number can overflow in the update.
bool is_safe(const Update& request, const Optimizer& optimizer, double learning_rate) {
  return optimizer.bounded && request.weight_decays.max().item<double>() <= kLargestFactor &&
         are_bounded(request.rate_factors, learning_rate) && request.gradient_norm->item<double>() <= kLargestNorm &&
         request.largest->item<double>() <= kLargestNorm;
}

void apply_if_finite(const Update& request, const Optimizer& optimizer, double learning_rate) {
  if (is_refused(*request.status)) return;
  const size_t count = request.parameters.size();
  Tensors changed, all;  // parameters and state
  for (size_t i = 0; i < count; ++i) {
    const at::Tensor& parameter = request.parameters[i];
    const size_t first = all.size();
    all.push_back(parameter.detach());
    for (size_t slot = 0; slot < optimizer.slots; ++slot) all.push_back(request.state[slot * count + i]);
    if (!parameter.grad().defined()) continue;
    changed.insert(changed.end(), all.begin() + static_cast<std::ptrdiff_t>(first), all.end());
  }
  const bool safe = is_safe(request, optimizer, learning_rate);
  Tensors before;
  if (!safe)
    for (const at::Tensor& value : changed) before.push_back(value.clone());
  apply(request, optimizer, learning_rate);
  const double left = tensor::largest_norm(all);
  if (tensor::all_finite(changed, left)) {
    request.largest->fill_(left);
    return;
  }
  if (!safe) copy_all(changed, before);
  request.status->fill_(kWeightsNotFinite);
}

}  // namespace

bool are_bounded(const std::vector<double>& factors, double scale) {
  return std::all_of(factors.begin(), factors.end(),
                     [scale](double factor) { return factor * scale <= kLargestFactor; });
}

at::Tensor update(const Update& request, const Optimizer& optimizer) {
  check_update(request, optimizer.slots);
  const c10::NoGradGuard no_grad;
  const at::Tensor& first = request.parameters.front();
  const at::Tensor status = request.status ? *request.status : at::zeros({}, first.options().dtype(at::kLong));
  if (first.is_meta()) return status;
  const double learning_rate = request.learning_rate.item<double>();
  if (request.status)
    apply_if_finite(request, optimizer, learning_rate);
  else
    apply(request, optimizer, learning_rate);
  return status;
}

}  // namespace contrastive::optim
