#include "core/stream.h"

#include <ATen/Parallel.h>

#include "core/openmp.h"
#include "core/thread.h"

#ifdef __linux__
#include <pthread.h>
#endif

namespace contrastive {

void set_team_size(int threads) {
  // libtorch initialises the team lazily, once a thread, from a process-wide
  // setting: let it do so first.
  at::get_num_threads();
  using SetThreads = void (*)(int);
  static const auto set = reinterpret_cast<SetThreads>(openmp_function("omp_set_num_threads"));
  if (set) set(threads);
}

Stream::Stream(std::string name, int threads, std::function<int()> team)
    : name_(std::move(name)), team_(std::move(team)), threads_(threads) {}

void Stream::start() {
  const std::lock_guard lock(mutex_);
  if (!stopping_ && !thread_.joinable()) thread_ = start_thread("tensor operations", [this] { loop(); });
}

void Stream::enqueue(std::unique_ptr<Job> job) {
  std::unique_lock lock(mutex_);
  drained_.wait(lock, [&] { return jobs_.size() < kMaxDepth || stopping_; });
  if (stopping_) return;
  jobs_.push_back(std::move(job));
  lock.unlock();  // so that the thread does not wake up into a taken lock
  arrived_.notify_one();
}

void Stream::set_threads(int threads) {
  threads_ = threads;
  start();
  enqueue(make_job([threads] { set_team_size(threads); }));
}

size_t Stream::depth() const {
  std::lock_guard lock(mutex_);
  return jobs_.size() + (running_ ? 1 : 0);
}

void Stream::stop() {
  std::deque<std::unique_ptr<Job>> dropped;
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    dropped.swap(jobs_);
    arrived_.notify_all();
    drained_.notify_all();
  }
  dropped.clear();  // outside the lock: a dropped job fails its slots and wakes
                    // who waits for them
}

void Stream::join() {
  if (thread_.joinable()) thread_.join();
}

void Stream::loop() {
#ifdef __linux__
  pthread_setname_np(pthread_self(), name_.substr(0, 15).c_str());
#endif
  set_team_size(threads_);
  for (;;) {
    std::unique_ptr<Job> job;
    {
      std::unique_lock lock(mutex_);
      running_ = false;
      arrived_.wait(lock, [&] { return !jobs_.empty() || stopping_; });
      if (stopping_) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
      running_ = true;
      if (jobs_.size() == kMaxDepth / 2) drained_.notify_all();
    }
    if (team_) set_team_size(team_());
    job->run();
  }
}

}  // namespace contrastive
