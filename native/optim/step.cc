// What surrounds the update of a training step, so that nothing that is not finite is kept, and nothing of a step that
// failed. The operations hand on the step's status: a failed one fails those that follow it, by its slot.
#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include "core/device_graph.h"
#include "core/error.h"
#include "core/op.h"
#include "core/version.h"
#include "optim/lists.h"
#include "optim/status.h"
#include "tensor/finite.h"

namespace contrastive::optim {

void check_status(const at::Tensor& status) {
  CONTRASTIVE_CHECK(status.dim() == 0, kShapeError, "status must be a scalar, got shape ", status.sizes());
  CONTRASTIVE_CHECK(status.scalar_type() == at::kLong, kDTypeError, "status must be int64, got ", status.scalar_type());
}

const at::Tensor& refuse_where(const at::Tensor& is_bad, const at::Tensor& status, int64_t reason) {
  return status.masked_fill_(is_bad.logical_and(status.le(kFine)), reason);
}

namespace {

// Whether a step ended so that another may begin, or a batch so that the next of its step may.
bool ended_well(int64_t status, bool goes_on) {
  return goes_on ? status == kPartDone : status == kFine || status == kSkipped;
}

// A step that has begun and was not refused.
bool is_open(int64_t status) { return status < kFine; }

// Copies into `before` what has changed since it was copied last. A copy is given the version of its source.
void copy_changed(const Tensors& before, const Tensors& statistics) {
  Tensors targets, sources;
  for (size_t i = 0; i < statistics.size(); ++i) {
    if (version_of(before[i]) == version_of(statistics[i]) && !captured_use()) continue;  // a graph copies all
    targets.push_back(before[i]);
    sources.push_back(statistics[i]);
  }
  copy_all(targets, sources);
  for (size_t i = 0; i < targets.size(); ++i)
    targets[i].unsafeGetTensorImpl()->set_version_counter(c10::VariableVersion(version_of(sources[i])));
}

// Statistics of a step that was refused have been put back at its end, and are those from before it.
at::Tensor begin_on_device(const Tensors& statistics, const Tensors& before, const at::Tensor& status, bool goes_on) {
  const at::Tensor is_next = goes_on ? status.eq(kPartDone) : status.eq(kFine).logical_or(status.eq(kSkipped));
  copy_where(status.lt(kFine).logical_and(is_next.logical_not()), statistics, before);
  if (!goes_on) copy_changed(before, statistics);
  const at::Tensor is_kept = goes_on ? status.gt(kFine) : at::zeros_like(is_next);
  status.masked_fill_(is_next.logical_or(is_kept).logical_not(), kStopped);
  return status.masked_fill_(is_next, kUnderWay);
}

at::Tensor end_on_device(const Tensors& parameters, const Tensors& statistics, const Tensors& before,
                         const at::Tensor& status, bool goes_on, bool failed) {
  const at::Tensor is_whole = failed ? at::zeros_like(status, at::kBool) : status.eq(kUnderWay);
  copy_where(status.ne(kFine).logical_and(is_whole.logical_not()), statistics, before);
  if (failed) drop_gradients(parameters);
  status.masked_fill_(status.lt(kFine).logical_and(is_whole.logical_not()), kStopped);
  return status.masked_fill_(is_whole, goes_on ? kPartDone : kFine);
}

// Before the forward pass: copies the running statistics into `before`, where they have moved. Where it `goes_on`, this
// is a further batch of the step, whose gradients are added up, and the copy is that of the first one. A status that a
// step left under way is that of one that failed: its statistics are put back, and no later step changes anything.
// before: at first clones, which are of the version 0 as what never changed is.
at::Tensor begin_step_(const Tensors& statistics, const Tensors& before, const at::Tensor& status, bool goes_on) {
  check_alike("before", before, "statistics", statistics);
  check_status(status);
  if (status.is_meta()) return status;
  if (!is_readable(status)) return begin_on_device(statistics, before, status, goes_on);
  const int64_t now = status.item<int64_t>();
  if (goes_on && now > kFine) return status;  // refused at an earlier batch of this step
  if (ended_well(now, goes_on)) {
    if (!goes_on) copy_changed(before, statistics);
    return status.fill_(kUnderWay);
  }
  if (is_open(now)) copy_all(statistics, before);
  return status.fill_(kStopped);
}

// Sets the status to `reason` where a floating value is not finite.
at::Tensor refuse_non_finite_(const Tensors& values, const at::Tensor& status, int64_t reason) {
  check_status(status);
  CONTRASTIVE_CHECK(reason > kFine, kOptionError, "reason must be above 0, got ", reason);
  if (status.is_meta() || (is_readable(status) && is_refused(status))) return status;
  Tensors floating;
  for (const at::Tensor& value : values)
    if (value.is_floating_point()) floating.push_back(value.detach());
  if (!is_readable(status))
    return floating.empty() ? status : refuse_where(tensor::are_finite(floating).logical_not(), status, reason);
  return tensor::all_finite(floating) ? status : status.fill_(reason);
}

// The backward pass of a step that was not refused.
at::Tensor guarded_backward_(const at::Tensor& loss, const at::Tensor& status) {
  check_status(status);
  CONTRASTIVE_CHECK(loss.requires_grad(), kAutogradError, "loss must require a gradient");
  CONTRASTIVE_CHECK(loss.numel() == 1, kShapeError, "loss must have one element, got shape ", loss.sizes());
  if (!status.is_meta() && (!is_readable(status) || !is_refused(status))) loss.backward();
  return status;
}

// After all else of a step, or of one of its batches where it `goes_on`: statistics as before it, and no gradients,
// where it was refused or has `failed`.
at::Tensor end_step_(const Tensors& parameters, const Tensors& statistics, const Tensors& before,
                     const at::Tensor& status, bool goes_on, bool failed) {
  check_alike("before", before, "statistics", statistics);
  check_status(status);
  if (status.is_meta()) return status;
  if (!is_readable(status)) return end_on_device(parameters, statistics, before, status, goes_on, failed);
  const int64_t now = status.item<int64_t>();
  if (now == kFine) return status;
  if (now == kUnderWay && !failed) return status.fill_(goes_on ? kPartDone : kFine);
  copy_all(statistics, before);
  drop_gradients(parameters);
  return is_open(now) ? status.fill_(kStopped) : status;
}

CONTRASTIVE_OP(begin_step_,
               "begin_step_(Tensor(a!)[] statistics, Tensor(b!)[] before, Tensor(c!) status, *, bool goes_on=False) "
               "-> Tensor");
CONTRASTIVE_OP(refuse_non_finite_, "refuse_non_finite_(Tensor[] values, Tensor(a!) status, *, int reason) -> Tensor");
CONTRASTIVE_OP(guarded_backward_, "guarded_backward_(Tensor loss, Tensor(a!) status) -> Tensor");
CONTRASTIVE_OP(end_step_,
               "end_step_(Tensor(a!)[] parameters, Tensor(b!)[] statistics, Tensor[] before, Tensor(c!) status, *, "
               "bool goes_on=False, bool failed=False) -> Tensor");

}  // namespace
}  // namespace contrastive::optim
