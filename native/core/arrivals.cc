#include "core/arrivals.h"

#include <utility>

#include "core/thread.h"

#ifdef __linux__
#include <pthread.h>
#endif

namespace contrastive {

void Arrivals::when(std::vector<c10::Event> events, std::function<void(std::exception_ptr)> then) {
  const std::lock_guard lock(mutex_);
  if (stopping_) return;
  if (!thread_.joinable()) thread_ = start_thread("results of a device", [this] { loop(); });
  waits_.push_back({std::move(events), std::move(then)});
  came_.notify_one();
}

void Arrivals::stop() {
  std::deque<Wait> dropped;
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  dropped.swap(waits_);
  came_.notify_all();
}

void Arrivals::join() {
  if (thread_.joinable()) thread_.join();
}

void Arrivals::loop() {
#ifdef __linux__
  pthread_setname_np(pthread_self(), "contrastive-w");
#endif
  for (;;) {
    std::unique_lock lock(mutex_);
    came_.wait(lock, [&] { return !waits_.empty() || stopping_; });
    if (stopping_) return;
    const Wait wait = std::move(waits_.front());
    waits_.pop_front();
    lock.unlock();
    std::exception_ptr failed;
    try {
      for (const c10::Event& event : wait.events) event.synchronize();
    } catch (...) {
      failed = std::current_exception();
    }
    wait.then(failed);
  }
}

}  // namespace contrastive
