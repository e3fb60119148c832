#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include "core/error.h"
#include "core/op.h"
#include "optim/status.h"

namespace contrastive::optim {
namespace {

// After the update of a step whose loss was multiplied by `scale`: a skipped one makes the scale smaller, by the factor
// `backoff`; `interval` others in a row make it larger, by `growth`. A step that was refused changes nothing. Where the
// scale would fall below `least`, the step is refused. Source: Micikevicius et al. 2018, arXiv:1710.03740, section 3.2;
// as torch.amp.GradScaler, which has no `least`.
//
// scale: float32 (). fine_steps: int32 (), those in a row since the scale has changed. Both on the status' device,
// where they are not waited for.
at::Tensor update_loss_scale_(const at::Tensor& scale, const at::Tensor& fine_steps, const at::Tensor& status,
                              double growth, double backoff, int64_t interval, double least) {
  check_status(status);
  CONTRASTIVE_CHECK(scale.dim() == 0 && scale.scalar_type() == at::kFloat, kDTypeError,
                    "scale must be a float32 scalar");
  CONTRASTIVE_CHECK(fine_steps.dim() == 0 && fine_steps.scalar_type() == at::kInt, kDTypeError,
                    "fine_steps must be an int32 scalar");
  if (status.is_meta()) return status;
  const c10::NoGradGuard no_grad;
  at::Tensor next_scale = scale.clone(), next_steps = fine_steps.clone();
  const at::Tensor is_skipped = status.eq(kSkipped);
  at::_amp_update_scale_(next_scale, next_steps, is_skipped.to(at::kFloat), growth, backoff, interval);
  status.masked_fill_(is_skipped.logical_and(next_scale.lt(least)), kGradientNotFinite);
  const at::Tensor is_done = status.le(kFine).logical_or(status.eq(kSkipped));
  scale.copy_(at::where(is_done, next_scale, scale));
  fine_steps.copy_(at::where(is_done, next_steps, fine_steps));
  return status;
}

CONTRASTIVE_OP(update_loss_scale_,
               "update_loss_scale_(Tensor(a!) scale, Tensor(b!) fine_steps, Tensor(c!) status, *, float growth, "
               "float backoff, int interval, float least) -> Tensor");

}  // namespace
}  // namespace contrastive::optim
