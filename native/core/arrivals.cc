#include "core/arrivals.h"

#include <ATen/core/Tensor.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>

#include "core/thread.h"

namespace contrastive {

bool Arrivals::Wait::is_over(std::exception_ptr& failed) const {
  try {
    return std::all_of(events.begin(), events.end(), [](const c10::Event& event) { return event.query(); });
  } catch (...) {
    failed = std::current_exception();
    return true;
  }
}

void Arrivals::when(std::vector<c10::Event> events, std::function<void(std::exception_ptr)> then) {
  const std::lock_guard lock(mutex_);
  if (stopping_) return;
  if (!thread_.joinable()) thread_ = start_thread("results of a device", [this] { loop(); });
  waits_.push_back({std::move(events), std::move(then)});
  came_.notify_one();
}

void Arrivals::stop() {
  std::list<Wait> dropped;
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  dropped.swap(waits_);
  came_.notify_all();
}

void Arrivals::join() {
  if (thread_.joinable()) thread_.join();
}

// It asks, again and again: CUDA's own wait for an event takes a whole core, and would let a request that is done stand
// behind a training step that is not.
void Arrivals::loop() {
  constexpr std::chrono::microseconds kPause{100};
  name_thread("contrastive-w");
  std::unique_lock lock(mutex_);
  for (;;) {
    came_.wait(lock, [&] { return !waits_.empty() || stopping_; });
    if (stopping_) return;
    std::list<Wait> over;
    std::vector<std::exception_ptr> failures;
    for (auto wait = waits_.begin(); wait != waits_.end();) {
      std::exception_ptr failed;
      const auto next = std::next(wait);
      if (wait->is_over(failed)) {
        over.splice(over.end(), waits_, wait);
        failures.push_back(failed);
      }
      wait = next;
    }
    lock.unlock();
    size_t place = 0;
    for (const Wait& wait : over) {
      // Events are given back under their own device: under another, CUDA would make a context on it.
      const at::Device device = wait.events.front().device();
      c10::impl::VirtualGuardImpl(device.type()).setDevice(device);
      wait.then(failures[place++]);
    }
    if (over.empty()) std::this_thread::sleep_for(kPause);
    over.clear();
    lock.lock();
  }
}

}  // namespace contrastive
