// A slot holds the tensor that a job will produce. Its shape and dtype are known at once through a twin on the `meta`
// device; its value, or the failure of the job, comes later.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/util/SmallVector.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "core/device_streams.h"
#include "core/failure.h"
#include "core/progress.h"

namespace contrastive {

class Slot;
using SlotPtr = std::shared_ptr<Slot>;

// A list that is mostly of one: it then lies where it is held. Memory that one thread allocates and another frees costs
// the first as much as the rest of a small operation.
using Slots = c10::SmallVector<SlotPtr, 1>;

class Slot {
 public:
  // A slot that a job will fill. `twin` is undefined where the shape depends on data. `alias`: the value shares its
  // memory with another slot's.
  Slot(at::Tensor twin, at::Device device, bool alias = false)
      : twin_(std::move(twin)), device_(device), alias_(alias) {}

  static SlotPtr ready(at::Tensor value);
  static SlotPtr ready(at::Tensor value, at::Tensor twin);
  // A tensor of a recording: known by its twin, and never filled. Reading it throws kStateError.
  static SlotPtr recorded(at::Tensor twin, at::Device device, bool alias = false);

  // Any thread. Blocks until the slot is filled; throws FailureException if its job failed. On a device, what this
  // thread launches next comes after what wrote the value.
  const at::Tensor& value() const;
  bool is_ready() const { return state_.load(std::memory_order_acquire) == kReady; }
  bool is_pending() const { return state_.load(std::memory_order_acquire) == kPending; }
  FailurePtr failure() const { return is_pending() ? nullptr : failure_; }

  // The job's side; once.
  void fill(at::Tensor value);
  void fail(FailurePtr failure);
  // On a device: this thread has launched work that changes the value in place.
  void note_change();

  // JavaScript thread only: the meta twin, undefined while the shape depends on data that is not there yet.
  const at::Tensor& twin();
  at::Device device() const { return device_; }
  bool is_recorded() const { return is_recorded_; }
  // The value shares its memory with another slot's.
  bool is_alias() const { return alias_; }
  // Bytes that this slot alone accounts for: 0 for an alias, for what has no value, and while the shape is unknown. No
  // more than any machine has: a shape alone may promise numbers that V8 ends the process over.
  int64_t own_bytes() const {
    constexpr size_t kMost = size_t{1} << 45;
    const bool is_owner = twin_.defined() && !alias_ && !is_recorded_;
    return is_owner ? static_cast<int64_t>(std::min(twin_.nbytes(), kMost)) : 0;
  }

 private:
  enum State : int { kPending, kReady, kFailed };
  std::atomic<int> state_{kPending};
  at::Tensor value_;
  mutable std::mutex mutex_;  // of `written_`
  Written written_;
  FailurePtr failure_;
  at::Tensor twin_;
  at::Device device_;
  bool alias_;
  bool is_recorded_ = false;
};

// Owns the duty to fill slots: whatever is left unfilled when it goes (a job dropped at shutdown) fails.
class Promises {
 public:
  // `progress`: of the stream, where the job has a number and is on one.
  Promises(Slots slots, uint64_t job, Progress* progress = nullptr)
      : slots_(std::move(slots)), job_(job), progress_(progress) {}
  Promises(Promises&&) = default;
  Promises& operator=(Promises&&) = delete;  // would forget the slots of the one before
  ~Promises();

  // Runs `work`, which returns one tensor a slot, and fills them; an exception fails them all.
  template <typename Work>
  void settle(const Work& work) noexcept {
    try {
      std::vector<at::Tensor> values = work();
      fill(std::move(values));
    } catch (...) {
      if (progress_) progress_->failed = static_cast<int32_t>(job_);
      fail(std::make_shared<Failure>(describe(std::current_exception(), job_)));
    }
    if (progress_) progress_->done = static_cast<int32_t>(job_);
  }
  void fail(const FailurePtr& failure) noexcept;

 private:
  void fill(std::vector<at::Tensor> values);
  Slots slots_;
  uint64_t job_;
  Progress* progress_;
};

// A twin on the meta device: same sizes, strides, dtype and requires_grad, no storage.
at::Tensor twin_of(const at::Tensor& value);

}  // namespace contrastive
