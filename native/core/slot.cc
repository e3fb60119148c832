#include "core/slot.h"

#include <ATen/ATen.h>

#include "core/error.h"

namespace contrastive {

at::Tensor twin_of(const at::Tensor& value) {
  at::AutoDispatchBelowAutograd below;
  at::Tensor twin = at::empty_strided(value.sizes(), value.strides(), value.options().device(at::kMeta));
  if (value.requires_grad()) twin.set_requires_grad(true);
  return twin;
}

SlotPtr Slot::ready(at::Tensor value) {
  at::Tensor twin = twin_of(value);
  return ready(std::move(value), std::move(twin));
}

SlotPtr Slot::ready(at::Tensor value, at::Tensor twin) {
  auto slot = std::make_shared<Slot>(std::move(twin), value.device());
  slot->fill(std::move(value));
  return slot;
}

SlotPtr Slot::recorded(at::Tensor twin, at::Device device, bool alias) {
  static const auto no_value = std::make_shared<const Failure>(
      Failure{kStateError, "this tensor was made while a function was being recorded: it has no value outside of it"});
  auto slot = std::make_shared<Slot>(std::move(twin), device, alias);
  slot->is_recorded_ = true;
  slot->fail(no_value);
  return slot;
}

const at::Tensor& Slot::value() const {
  state_.wait(kPending, std::memory_order_acquire);
  if (failure_) throw FailureException(failure_);
  if (value_.defined() && is_asynchronous(value_.device())) {
    Written written;
    {
      const std::lock_guard lock(mutex_);
      written = written_;
    }
    order_after(written, value_);
  }
  return value_;
}

void Slot::fill(at::Tensor value) {
  if (value.defined()) written_ = written_here(value.device());
  value_ = std::move(value);
  state_.store(kReady, std::memory_order_release);
  state_.notify_all();
}

void Slot::note_change() {
  if (!is_ready() || !value_.defined() || !is_asynchronous(value_.device())) return;
  const Written written = written_here(value_.device());
  const std::lock_guard lock(mutex_);
  written_ = written;
}

void Slot::fail(FailurePtr failure) {
  failure_ = std::move(failure);
  state_.store(kFailed, std::memory_order_release);
  state_.notify_all();
}

const at::Tensor& Slot::twin() {
  if (!twin_.defined() && is_ready()) twin_ = twin_of(value_);
  return twin_;
}

Promises::~Promises() {
  for (const SlotPtr& slot : slots_)
    if (slot && slot->is_pending())
      slot->fail(std::make_shared<Failure>(Failure{kAbortedError, "the runtime was closed before this ran", job_}));
}

void Promises::fill(std::vector<at::Tensor> values) {
  CONTRASTIVE_CHECK(values.size() == slots_.size(), kNativeError, "expected ", slots_.size(), " results, got ",
                    values.size());
  for (size_t i = 0; i < slots_.size(); ++i) slots_[i]->fill(std::move(values[i]));
}

void Promises::fail(const FailurePtr& failure) noexcept {
  for (const SlotPtr& slot : slots_)
    if (slot->is_pending()) slot->fail(failure);
}

}  // namespace contrastive
