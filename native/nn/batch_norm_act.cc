#include "nn/batch_norm_act.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include "core/error.h"
#include "core/modes.h"
#include "core/op.h"
#include "nn/activation.h"
#include "nn/fused_batch_norm.h"
#include "nn/whole_batch_norm.h"

namespace contrastive::nn {

namespace {

using OptionalTensor = std::optional<at::Tensor>;

bool requires_grad(const OptionalTensor& tensor) { return tensor && tensor->requires_grad(); }

// Nobody but the caller's argument holds the tensor or its memory.
bool is_unshared(const at::Tensor& tensor) { return tensor.use_count() == 1 && tensor.storage().use_count() == 1; }

void check(const at::Tensor& x, const OptionalTensor& weight, const OptionalTensor& running_mean,
           const OptionalTensor& residual, bool uses_batch) {
  CONTRASTIVE_CHECK(x.dim() >= 2, kShapeError,
                    "batch normalisation: input must have shape (batch, channels, ...), got ", x.sizes());
  for (const OptionalTensor* each : {&weight, &running_mean})
    CONTRASTIVE_CHECK(!*each || (*each)->numel() == x.size(1), kShapeError, "batch normalisation of ", (*each)->numel(),
                      " channels: input must have shape (batch, ", (*each)->numel(), ", ...), got ", x.sizes());
  CONTRASTIVE_CHECK(!residual || residual->sizes() == x.sizes(), kShapeError,
                    "batch normalisation: residual must have the input's shape ", x.sizes(), ", got ",
                    residual->sizes());
  CONTRASTIVE_CHECK(!uses_batch || takes_whole_statistics() || x.numel() > x.size(1), kShapeError,
                    "batch normalisation in training mode needs more than one value per channel, got ", x.sizes());
}

}  // namespace

at::Tensor batch_norm_act(const at::Tensor& x, const OptionalTensor& weight, const OptionalTensor& bias,
                          const OptionalTensor& running_mean, const OptionalTensor& running_var,
                          const OptionalTensor& num_batches_tracked, const OptionalTensor& residual, bool training,
                          std::optional<double> momentum, double eps, const std::string& activation) {
  const Activation act = activation_of(activation);
  const bool uses_batch = training || !running_mean;
  check(x, weight, running_mean, residual, uses_batch);
  CONTRASTIVE_CHECK(momentum || num_batches_tracked || !training || !running_mean, kOptionError,
                    "batch normalisation: without a momentum, num_batches_tracked must be given");
  if (x.is_meta()) {
    const at::Tensor y = at::empty_like(x);
    const bool recorded = x.requires_grad() || requires_grad(weight) || requires_grad(bias) || requires_grad(residual);
    // Through an operation, so that it is no leaf: in-place operations on a result are allowed.
    return recorded && c10::GradMode::is_enabled() ? y.set_requires_grad(true).clone() : y;
  }
  const bool counts = training && !keeps_statistics() && num_batches_tracked;
  if (counts) num_batches_tracked->add_(1);
  if (!momentum) momentum = counts ? 1.0 / static_cast<double>(num_batches_tracked->item<int64_t>()) : 0;
  BatchNormState state{weight.value_or(at::Tensor()),
                       bias.value_or(at::Tensor()),
                       running_mean.value_or(at::Tensor()),
                       running_var.value_or(at::Tensor()),
                       *momentum,
                       eps,
                       training && takes_whole_statistics()};
  if (training && keeps_statistics()) state.running_mean = state.running_var = at::Tensor();
  // Whoever looks at versions, as inference does, is to see that the statistics move: neither way below counts them up.
  if (uses_batch)
    for (const at::Tensor* moved : {&state.running_mean, &state.running_var})
      if (moved->defined()) moved->unsafeGetTensorImpl()->bump_version();
  const at::Tensor added = residual.value_or(at::Tensor());
  if (can_fuse_batch_norm(x, added, act, state)) {
    if (uses_batch) return fused_batch_norm(x, added, act, state);
    if (!c10::GradMode::is_enabled()) {
      at::Tensor y = is_unshared(x) ? x : at::empty_like(x);
      evaluate_batch_norm(x, added, act, state, y);
      return y;
    }
  }
  // With a version of its own: libtorch keeps it for the backward pass, which does not look at it, and would refuse to
  // compute once another pass has moved it.
  const auto optional = [](const at::Tensor& tensor) {
    return tensor.defined() ? OptionalTensor(tensor.variable_data()) : std::nullopt;
  };
  at::Tensor y = state.over_all_ranks
                     ? whole_batch_norm(x, state)
                     : at::batch_norm(x, weight, bias, optional(state.running_mean), optional(state.running_var),
                                      uses_batch, *momentum, eps, /*cudnn_enabled=*/true);
  if (residual) y = y.add_(*residual);
  return activated(y, act);
}

CONTRASTIVE_OP(batch_norm_act,
               "batch_norm_act(Tensor input, Tensor? weight=None, Tensor? bias=None, Tensor(a!)? running_mean=None, "
               "Tensor(b!)? running_var=None, Tensor(c!)? num_batches_tracked=None, Tensor? residual=None, *, "
               "bool training=False, float? momentum=None, float eps=1e-05, str activation='none') -> Tensor");

}  // namespace contrastive::nn
