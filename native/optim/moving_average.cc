#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include "core/error.h"
#include "core/op.h"
#include "optim/lists.h"
#include "optim/status.h"

namespace contrastive::optim {
namespace {

// average <- m average + (1 - m) value, for all tensors at once, unless the step was refused. momentum: m, ().
at::Tensor moving_average_(const Tensors& averages, const Tensors& values, const at::Tensor& momentum,
                           const at::Tensor& status) {
  check_alike("values", values, "averages", averages);
  check_status(status);
  CONTRASTIVE_CHECK(momentum.numel() == 1, kShapeError, "momentum must have one element, got shape ", momentum.sizes());
  if (averages.empty() || status.is_meta() || (is_readable(status) && is_refused(status))) return status;
  const c10::NoGradGuard no_grad;
  const double share = 1 - momentum.item<double>();
  if (is_readable(status)) {
    at::_foreach_lerp_(averages, values, share);
    return status;
  }
  const at::Tensor is_fine = status.le(kFine);
  for (const auto& [to, from] : chunks_of(averages, values))
    copy_where(is_fine, to, at::_foreach_lerp(to, from, share));
  return status;
}

CONTRASTIVE_OP(moving_average_,
               "moving_average_(Tensor(a!)[] averages, Tensor[] values, Tensor momentum, Tensor status) -> Tensor");

}  // namespace
}  // namespace contrastive::optim
