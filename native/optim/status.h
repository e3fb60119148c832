// Whether a training step may change anything: an int64 scalar that the operations at a step's end hand on.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace contrastive::optim {

// The values of a status, as lib/train/guard.ts reads them. Above kFine, no operation changes anything any more.
enum Status : int64_t {
  kPartDone = -2,  // between two of the batches that one update is made of
  kUnderWay = -1,  // between begin_step_ and end_step_
  kFine = 0,
  kLossNotFinite = 1,
  kFeaturesNotFinite = 2,  // or the running statistics
  kGradientNotFinite = 3,
  kWeightsNotFinite = 4,  // or the optimizer's state, after the update
  kStopped = 5,           // a step before this one was refused, or failed
  kTooLong = 6,           // gradient or weights, on a device
  kSkipped = 7,           // for this step alone: the gradients of a scaled loss overflowed
};

// Throws kShapeError or kDTypeError.
void check_status(const at::Tensor& status);

// Whether a job may read the status. One on a device is never read, so that nobody waits for it: operations there do
// their work, and keep its result where the status lets them. (Several processes read it together, to agree on it.)
inline bool is_readable(const at::Tensor& status) { return status.is_cpu(); }

// Reads the status: in a job, where it is readable.
inline bool is_refused(const at::Tensor& status) { return status.item<int64_t>() > kFine; }

// Sets the status to `reason` where `is_bad`, bool (), and no reason is set.
const at::Tensor& refuse_where(const at::Tensor& is_bad, const at::Tensor& status, int64_t reason);

}  // namespace contrastive::optim
