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
  const size_t groups = request.rate_factors.size();
  CONTRASTIVE_CHECK(request.groups.size() == request.parameters.size(), kOptionError,
                    "groups must have a number for each of ", request.parameters.size(), " parameters, got ",
                    request.groups.size());
  CONTRASTIVE_CHECK(request.weight_decays.size() == groups, kShapeError,
                    "weight_decays must have a number for each of ", groups, " groups, got ",
                    request.weight_decays.size());
  for (const at::Tensor& decay : request.weight_decays)
    CONTRASTIVE_CHECK(decay.numel() == 1, kShapeError, "weight_decays must have one element each, got shape ",
                      decay.sizes());
  for (const int64_t group : request.groups)
    CONTRASTIVE_CHECK(group >= 0 && static_cast<size_t>(group) < groups, kOptionError, "groups must be numbers of ",
                      groups, " groups, got ", group);
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
  for (const at::Tensor& parameter : parameters)  // the fused kernels walk memory in order
    CONTRASTIVE_CHECK(parameter.is_non_overlapping_and_dense(), kOptionError,
                      "parameters must lie in memory without gaps, got strides ", parameter.strides(), " of shape ",
                      parameter.sizes());
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
              .weight_decay = request.weight_decays[group].item<double>()};
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

void apply(const Update& request, const Optimizer& optimizer, double learning_rate,
           const std::optional<at::Tensor>& found_bad = std::nullopt) {
  std::vector<Lists> groups;  // all of them before the first is updated: it may take memory
  for (size_t group = 0; group < request.rate_factors.size(); ++group) {
    Lists lists = lists_of(request, optimizer.slots, group, learning_rate);
    if (lists.parameters.empty()) continue;
    lists.found_bad = found_bad;
    if (optimizer.prepare) optimizer.prepare(lists);
    groups.push_back(std::move(lists));
  }
  for (const Lists& lists : groups) {
    optimizer.rule(lists);
    note_change(lists.parameters);
    for (const Tensors& slot : lists.slots) note_change(slot);
  }
}

// Whether no number can overflow in the update of numbers within kLargestNorm.
bool is_bounded(const Update& request, const Optimizer& optimizer, double learning_rate) {
  const auto is_small = [](const at::Tensor& decay) { return decay.item<double>() <= kLargestFactor; };
  return optimizer.bounded && std::all_of(request.weight_decays.begin(), request.weight_decays.end(), is_small) &&
         are_bounded(request.rate_factors, learning_rate);
}

Tensors copies_of(const Tensors& tensors) {
  Tensors copies;
  for (const at::Tensor& tensor : tensors) copies.push_back(tensor.clone());
  return copies;
}

// Parameters and state: all, and those that an update changes.
struct Values {
  Values(const Update& request, size_t slots) {
    const size_t count = request.parameters.size();
    for (size_t i = 0; i < count; ++i) {
      const at::Tensor& parameter = request.parameters[i];
      const size_t first = all.size();
      all.push_back(parameter.detach());
      for (size_t slot = 0; slot < slots; ++slot) all.push_back(request.state[slot * count + i]);
      if (!parameter.grad().defined()) continue;
      changed.insert(changed.end(), all.begin() + static_cast<std::ptrdiff_t>(first), all.end());
    }
  }

  Tensors all, changed;
};

// Without a read. Where the factors are bounded, the norms say before the update whether it can overflow; else what it
// was is put back.
void apply_on_device(const Update& request, const Optimizer& optimizer, double learning_rate) {
  const at::Tensor& status = *request.status;
  const Values values(request, optimizer.slots);
  if (values.changed.empty()) return;
  const bool is_certain = is_bounded(request, optimizer, learning_rate);
  if (is_certain) {
    const at::Tensor is_short =
        request.gradient_norm->le(kLargestNorm).logical_and(tensor::largest_norm_of(values.all).le(kLargestNorm));
    refuse_where(is_short.logical_not(), status, kTooLong);
  }
  const Tensors before = is_certain ? Tensors() : copies_of(values.changed);
  try {
    apply(request, optimizer, learning_rate, status.gt(kFine).to(at::kFloat));
    if (is_certain) return;
    refuse_where(tensor::are_finite(values.changed).logical_not(), status, kWeightsNotFinite);
    copy_where(status.gt(kFine), values.changed, before);
  } catch (...) {  // the memory of the device, perhaps
    if (!is_certain) copy_all(values.changed, before);
    throw;
  }
}

void apply_if_finite(const Update& request, const Optimizer& optimizer, double learning_rate) {
  if (!is_readable(*request.status)) return apply_on_device(request, optimizer, learning_rate);
  if (is_refused(*request.status)) return;
  const auto [all, changed] = Values(request, optimizer.slots);
  const bool safe = is_bounded(request, optimizer, learning_rate) &&
                    request.gradient_norm->item<double>() <= kLargestNorm &&
                    request.largest->item<double>() <= kLargestNorm;
  const Tensors before = safe ? Tensors() : copies_of(changed);
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
