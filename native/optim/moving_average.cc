#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include "core/error.h"
#include "core/host_copy.h"
#include "core/op.h"
#include "optim/lists.h"
#include "optim/status.h"

namespace contrastive::optim {
namespace {

// average <- m average + (1 - m) value, for all tensors at once, unless the step was refused. momentum: m, (), on the
// CPU or on the tensors' device, where it is not waited for.
at::Tensor moving_average_(const Tensors& averages, const Tensors& values, const at::Tensor& momentum,
                           const at::Tensor& status) {
  check_alike("values", values, "averages", averages);
  check_status(status);
  CONTRASTIVE_CHECK(momentum.numel() == 1, kShapeError, "momentum must have one element, got shape ", momentum.sizes());
  if (averages.empty() || status.is_meta() || (is_readable(status) && is_refused(status))) return status;
  const c10::NoGradGuard no_grad;
  if (is_readable(status)) {
    at::_foreach_lerp_(averages, values, 1 - momentum.item<double>());
    note_change(averages);
    return status;
  }
  const at::Tensor is_fine = status.le(kFine), share = 1 - send(momentum, status.device());
  for (const auto& [to, from] : chunks_of(averages, values)) {
    std::vector<at::Tensor> moved = at::_foreach_sub(from, to);
    // Not lerp's other form, for shares of ½ and more: last bits may differ from the CPU's there.
    at::_foreach_mul_(moved, share.reshape({}).to(to.front().scalar_type()));  // of another dtype: one by one
    at::_foreach_add_(moved, to);
    copy_where(is_fine, to, moved);
  }
  return status;
}

CONTRASTIVE_OP(moving_average_,
               "moving_average_(Tensor(a!)[] averages, Tensor[] values, Tensor momentum, Tensor status) -> Tensor");

}  // namespace
}  // namespace contrastive::optim
