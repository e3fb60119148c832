#pragma once

#include <chrono>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <type_traits>
#include <utility>

namespace contrastive::distributed {

// Waits on the system's clock: the steady one takes a function that glibc 2.28 lacks, and std::future another.
template <typename Done>
bool wait_a_while(std::condition_variable& changed, std::unique_lock<std::mutex>& lock, std::chrono::milliseconds time,
                  Done done) {
  return changed.wait_until(lock, std::chrono::system_clock::now() + time, done);
}

// What work makes that runs in a thread of its own.
template <typename Result>
class Aside {
  struct Nothing {};
  using Value = std::conditional_t<std::is_void_v<Result>, Nothing, Result>;

 public:
  // Whether it has ended.
  bool wait_for(std::chrono::milliseconds time) const {
    std::unique_lock lock(state_->mutex);
    return wait_a_while(state_->changed, lock, time, [this] { return state_->is_done; });
  }

  // Once it has ended, and once: what it made, or throws what it threw.
  Result get() const {
    const std::lock_guard lock(state_->mutex);
    if (state_->error) std::rethrow_exception(state_->error);
    if constexpr (!std::is_void_v<Result>) return std::move(*state_->value);
  }

  template <typename Work>
  static Aside run(Work work) {
    Aside aside;
    std::thread([state = aside.state_, work = std::move(work)]() mutable {
      std::optional<Value> value;
      std::exception_ptr error;
      try {
        if constexpr (std::is_void_v<Result>) {
          work();
          value.emplace();
        } else {
          value.emplace(work());
        }
      } catch (...) {
        error = std::current_exception();
      }
      const std::lock_guard lock(state->mutex);
      state->value = std::move(value);
      state->error = error;
      state->is_done = true;
      state->changed.notify_all();
    }).detach();
    return aside;
  }

 private:
  struct State {
    std::mutex mutex;
    std::condition_variable changed;
    bool is_done = false;
    std::optional<Value> value;
    std::exception_ptr error;
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

// What `work` returns, from a thread of its own: who waits for it may give up, and leaves the thread to itself. It must
// own all that it uses.
template <typename Work>
auto aside(Work work) {
  return Aside<decltype(work())>::run(std::move(work));
}

}  // namespace contrastive::distributed
