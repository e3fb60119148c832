// A stream: one long-lived thread with its own OpenMP team that runs jobs first in, first out.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "core/progress.h"

namespace contrastive {

class Job {
 public:
  virtual ~Job() = default;
  virtual void run() noexcept = 0;
};

// Adapts a callable; what it captures is destroyed on the stream's thread, or at shutdown.
template <typename Work>
std::unique_ptr<Job> make_job(Work work) {
  struct Closure final : Job {
    explicit Closure(Work w) : work(std::move(w)) {}
    void run() noexcept override { work(); }
    Work work;
  };
  return std::make_unique<Closure>(std::move(work));
}

class Stream {
 public:
  // `threads`: the size of the OpenMP team. `team`, where given, says before each job what it is for that one.
  // `progress` is what its jobs write to, and outlives it.
  // `is_urgent`: devices do its work before that of others.
  Stream(std::string name, int threads, Progress& progress, std::function<int()> team = nullptr,
         bool is_urgent = false);
  ~Stream() {
    stop();
    join();
  }

  // Starts the thread, once. Throws kNativeError where the system gives none: before something was promised for a job.
  void start();

  // Blocks while `kMaxDepth` jobs wait: a script that never awaits cannot fill memory. A job enqueued after stop() is
  // dropped; one enqueued before start() waits for it.
  void enqueue(std::unique_ptr<Job> job);

  // Drops what is queued, and lets the running job end, for which join() waits.
  void stop();
  void join();

  size_t depth() const;
  Progress* progress() { return &progress_; }
  int threads() const { return threads_.load(); }
  void set_threads(int threads);

  // Long jobs look here between their parts.
  const std::atomic<bool>& stopping() const { return stopping_; }

  static constexpr size_t kMaxDepth = 4096;

 private:
  void loop();
  // Waits for a job, or the end; `lock` holds `mutex_`.
  void wait(std::unique_lock<std::mutex>& lock);

  const std::string name_;
  Progress& progress_;
  const std::function<int()> team_;
  const bool is_urgent_;
  std::atomic<int> threads_;
  std::atomic<bool> stopping_{false};
  mutable std::mutex mutex_;
  std::condition_variable arrived_, drained_;
  std::deque<std::unique_ptr<Job>> jobs_;
  std::atomic<int64_t> enqueued_{0};  // jobs so far, for a look without the lock; told when the lock is free
  int64_t taken_ = 0;                 // of these, by the thread
  bool looks_ = false;                // the next job is looked for: the one before came soon
  bool running_ = false;
  std::thread thread_;
};

// Sets this thread's OpenMP team size, whichever OpenMP library libtorch brought.
void set_team_size(int threads);

}  // namespace contrastive
