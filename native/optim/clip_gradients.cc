#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "core/error.h"
#include "core/op.h"
#include "optim/lists.h"
#include "optim/status.h"
#include "tensor/finite.h"

namespace contrastive::optim {
namespace {

constexpr double kLeastNorm = 1e-6;  // PyTorch's: it keeps gradients of zeros

// Before an update: writes the 2-norm of all gradients together into `norm`, float64 (), as it is before clipping. With
// a status, a gradient that is not finite refuses the step. Then scales all gradients so that their norm is at most
// max_norm, or clamps each number to +-max_value. As torch.nn.utils.clip_grad_norm_ and clip_grad_value_.
//
// loss_scale: float32 (), on the status' device, where the gradients are those of a loss that was multiplied by it.
// They are divided by it first, and one that is not finite skips the step, which refuses no other.
at::Tensor clip_gradients_(const Tensors& parameters, const at::Tensor& norm, const OptionalTensor& given_status,
                           const OptionalTensor& loss_scale, std::optional<double> max_norm,
                           std::optional<double> max_value) {
  CONTRASTIVE_CHECK(!parameters.empty(), kOptionError, "there must be at least one parameter");
  CONTRASTIVE_CHECK(norm.dim() == 0 && norm.scalar_type() == at::kDouble, kDTypeError, "norm must be a float64 scalar");
  CONTRASTIVE_CHECK(!loss_scale || (loss_scale->dim() == 0 && loss_scale->scalar_type() == at::kFloat), kDTypeError,
                    "loss_scale must be a float32 scalar");
  if (given_status) check_status(*given_status);
  const at::Tensor status = given_status ? *given_status : at::zeros({}, parameters.front().options().dtype(at::kLong));
  if (status.is_meta() || (is_readable(status) && is_refused(status))) return status;
  const c10::NoGradGuard no_grad;
  Tensors gradients;
  for (const at::Tensor& parameter : parameters)
    if (parameter.grad().defined()) gradients.push_back(parameter.grad());
  if (gradients.empty()) {
    norm.fill_(0);
    return status;
  }
  const auto clamp = [&] {
    if (!max_value) return;
    at::_foreach_clamp_min_(gradients, -*max_value);
    at::_foreach_clamp_max_(gradients, *max_value);
  };
  const int64_t reason = loss_scale ? kSkipped : kGradientNotFinite;
  if (!is_readable(status)) {
    at::Tensor total = tensor::total_norm_of(gradients), factor;
    if (loss_scale) total = total / *loss_scale;
    norm.copy_(total);
    if (given_status) refuse_where(total.isfinite().logical_not(), status, reason);
    if (max_norm) factor = (*max_norm / (total + kLeastNorm)).clamp_max(1);
    if (loss_scale) factor = (max_norm ? factor : at::ones_like(total)) / *loss_scale;
    if (factor.defined())
      at::_foreach_mul_(gradients, factor.to(gradients.front().scalar_type()));  // of another dtype: one by one
    clamp();
    return status;
  }
  double factor = loss_scale ? 1 / loss_scale->item<double>() : 1;
  const double now = tensor::total_norm(gradients) * factor;
  norm.fill_(now);
  if (given_status && !std::isfinite(now)) return status.fill_(reason);
  if (max_norm) factor *= std::min(*max_norm / (now + kLeastNorm), 1.0);
  if (factor != 1) at::_foreach_mul_(gradients, factor);
  clamp();
  return status;
}

CONTRASTIVE_OP(
    clip_gradients_,
    "clip_gradients_(Tensor[] parameters, Tensor(a!) norm, *, Tensor(b!)? status=None, Tensor? loss_scale=None, "
    "float? max_norm=None, float? max_value=None) -> Tensor");

}  // namespace
}  // namespace contrastive::optim
