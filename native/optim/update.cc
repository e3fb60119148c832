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

void check_update(const Update& request) {
  const Tensors& parameters = request.parameters;
  CONTRASTIVE_CHECK(!parameters.empty(), kOptionError, "an optimizer needs at least one parameter");
  for (const Tensors& slot : request.slots) {
    CONTRASTIVE_CHECK(slot.size() == parameters.size(), kShapeError,
                      "an optimizer's state must hold a tensor for each of ", parameters.size(), " parameters, got ",
                      slot.size());
    for (size_t i = 0; i < slot.size(); ++i)
      CONTRASTIVE_CHECK(slot[i].dim() == 0 || slot[i].sizes() == parameters[i].sizes(), kShapeError,
                        "the state of parameter ", i, " must have its shape, ", parameters[i].sizes(), ", got ",
                        slot[i].sizes());
  }
  CONTRASTIVE_CHECK(request.learning_rate.numel() == 1, kShapeError, "learning_rate must have one element, got shape ",
                    request.learning_rate.sizes());
  CONTRASTIVE_CHECK(request.status.has_value() == request.largest.has_value(), kOptionError,
                    "status and largest go together");
  if (!request.status) return;
  check_status(*request.status);
  CONTRASTIVE_CHECK(request.largest->numel() == 1 && request.largest->scalar_type() == at::kDouble, kDTypeError,
                    "largest must be a float64 scalar");
}

// Those of the parameters that have a gradient and are weights, or not.
Lists lists_of(const Update& request, bool weights) {
  Lists lists;
  lists.slots.resize(request.slots.size());
  for (size_t i = 0; i < request.parameters.size(); ++i) {
    const at::Tensor& parameter = request.parameters[i];
    at::Tensor gradient = parameter.grad();
    if (!gradient.defined() || (parameter.dim() > 1) != weights) continue;
    // The fused kernels walk memory in order, so a gradient in another layout would be added to the wrong elements.
    if (gradient.strides() != parameter.strides()) gradient = at::empty_like(parameter).copy_(gradient);
    lists.parameters.push_back(parameter);
    lists.gradients.push_back(std::move(gradient));
    for (size_t slot = 0; slot < request.slots.size(); ++slot) lists.slots[slot].push_back(request.slots[slot][i]);
  }
  return lists;
}

void apply(const Update& request, const Rule& rule, double learning_rate) {
  for (const bool weights : {true, false}) {
    const Lists lists = lists_of(request, weights);
    if (lists.parameters.empty()) continue;
    rule(lists, weights, learning_rate);
    // libtorch's fused updates do not count versions up, by which autograd and inference know of a change.
    for (const at::Tensor& parameter : lists.parameters) parameter.unsafeGetTensorImpl()->bump_version();
    for (const Tensors& slot : lists.slots)
      for (const at::Tensor& value : slot) value.unsafeGetTensorImpl()->bump_version();
  }
}

void apply_if_finite(const Update& request, const Rule& rule, double learning_rate) {
  const at::Tensor &status = *request.status, &largest = *request.largest;
  if (is_refused(status)) return;
  Tensors gradients, changed, all;  // `changed` and `all`: parameters and state
  for (size_t i = 0; i < request.parameters.size(); ++i) {
    const at::Tensor& parameter = request.parameters[i];
    const size_t first = all.size();
    all.push_back(parameter.detach());
    for (const Tensors& slot : request.slots) all.push_back(slot[i]);
    if (!parameter.grad().defined()) continue;
    gradients.push_back(parameter.grad());
    changed.insert(changed.end(), all.begin() + static_cast<std::ptrdiff_t>(first), all.end());
  }
  const double largest_gradient = tensor::largest_norm(gradients);
  if (!tensor::all_finite(gradients, largest_gradient)) {
    status.fill_(kGradientNotFinite);
    return;
  }
  const bool safe = request.bounded && learning_rate <= kLargestFactor && largest_gradient <= kLargestNorm &&
                    largest.item<double>() <= kLargestNorm;
  Tensors before;
  if (!safe)
    for (const at::Tensor& value : changed) before.push_back(value.clone());
  apply(request, rule, learning_rate);
  const double left = tensor::largest_norm(all);
  if (tensor::all_finite(changed, left)) {
    largest.fill_(left);
    return;
  }
  if (!safe) copy_all(changed, before);
  status.fill_(kWeightsNotFinite);
}

}  // namespace

at::Tensor update(const Update& request, const Rule& rule) {
  check_update(request);
  const c10::NoGradGuard no_grad;
  const at::Tensor& first = request.parameters.front();
  const at::Tensor status = request.status ? *request.status : at::zeros({}, first.options().dtype(at::kLong));
  if (first.is_meta()) return status;
  const double learning_rate = request.learning_rate.item<double>();
  if (request.status)
    apply_if_finite(request, rule, learning_rate);
  else
    apply(request, rule, learning_rate);
  return status;
}

}  // namespace contrastive::optim
