// What V8 is told about native memory behind small JavaScript objects, so that its garbage collector knows what they
// hold.
#pragma once

#include <node_api.h>

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace contrastive::binding {

// Tells V8 the low-water mark of a window of time, not every rise: a training step that holds hundreds of megabytes for
// a moment and disposes of them would else force several full collections a step, of 5 to 20 ms each on the JavaScript
// thread, which find nothing. Garbage raises the low-water mark, and V8 hears of it; a rise beyond kBudget it hears at
// once.
class ExternalMemory {
 public:
  // Of this environment: a thread belongs to one.
  static ExternalMemory& here() {
    thread_local ExternalMemory memory;
    return memory;
  }

  int64_t live() const { return live_; }

  void add(napi_env env, int64_t bytes) {
    live_ += bytes;
    lowest_ = std::min(lowest_, live_);
    if (live_ < reported_ || live_ - reported_ > kBudget) return report(env, live_);
    if (Clock::now() >= window_end_) report(env, lowest_);
  }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr int64_t kBudget = int64_t{512} << 20;
  static constexpr std::chrono::seconds kWindow{1};

  void report(napi_env env, int64_t bytes) {
    int64_t adjusted;
    if (bytes != reported_) napi_adjust_external_memory(env, bytes - reported_, &adjusted);
    reported_ = bytes;
    lowest_ = live_;
    window_end_ = Clock::now() + kWindow;
  }

  int64_t live_ = 0, lowest_ = 0, reported_ = 0;
  Clock::time_point window_end_;
};

}  // namespace contrastive::binding
