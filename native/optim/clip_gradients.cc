#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

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
at::Tensor clip_gradients_(const Tensors& parameters, const at::Tensor& norm, const OptionalTensor& given_status,
                           std::optional<double> max_norm, std::optional<double> max_value) {
  CONTRASTIVE_CHECK(!parameters.empty(), kOptionError, "there must be at least one parameter");
  CONTRASTIVE_CHECK(norm.dim() == 0 && norm.scalar_type() == at::kDouble, kDTypeError, "norm must be a float64 scalar");
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
  if (!is_readable(status)) {
    const at::Tensor total = tensor::total_norm_of(gradients);
    norm.copy_(total);
    if (given_status) refuse_where(total.isfinite().logical_not(), status, kGradientNotFinite);
    if (max_norm) {
      const at::Tensor scale = (*max_norm / (total + kLeastNorm)).clamp_max(1);
      at::_foreach_mul_(gradients, scale.to(gradients.front().scalar_type()));  // of another dtype: one by one
    }
    clamp();
    return status;
  }
  const double now = tensor::total_norm(gradients);
  norm.fill_(now);
  if (given_status && !std::isfinite(now)) return status.fill_(kGradientNotFinite);
  if (max_norm) {
    const double scale = *max_norm / (now + kLeastNorm);
    if (!(scale >= 1)) at::_foreach_mul_(gradients, scale);
  }
  clamp();
  return status;
}

CONTRASTIVE_OP(
    clip_gradients_,
    "clip_gradients_(Tensor[] parameters, Tensor(a!) norm, *, Tensor(b!)? status=None, float? max_norm=None, "
    "float? max_value=None) -> Tensor");

}  // namespace
}  // namespace contrastive::optim
