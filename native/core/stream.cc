#include "core/stream.h"

#include <ATen/Parallel.h>

#include "core/device_streams.h"
#include "core/openmp.h"
#include "core/thread.h"

namespace contrastive {

void set_team_size(int threads) {
  // libtorch initialises the team lazily, once a thread, from a process-wide
  // setting: let it do so first.
  at::get_num_threads();
  using SetThreads = void (*)(int);
  static const auto set = reinterpret_cast<SetThreads>(openmp_function("omp_set_num_threads"));
  if (set) set(threads);
}

Stream::Stream(std::string name, int threads, Progress& progress, std::function<int()> team, bool is_urgent)
    : name_(std::move(name)), progress_(progress), team_(std::move(team)), is_urgent_(is_urgent), threads_(threads) {}

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
  ++enqueued_;
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

// A small job takes less time than waking a thread does. Where jobs come one soon after the other, as from a script
// that calls operation by operation, the thread looks for the next one for a while before it sleeps; where the last one
// was long in coming, it sleeps at once, so that an idle process takes no time.
void Stream::wait(std::unique_lock<std::mutex>& lock) {
  using Clock = std::chrono::steady_clock;
  constexpr std::chrono::microseconds kSoon{50};
  static const bool has_cores = std::thread::hardware_concurrency() > 1;
  const Clock::time_point began = Clock::now();
  if (looks_) {
    lock.unlock();
    // It yields: where all cores are taken, the caller that makes the next job needs this one.
    while (enqueued_ <= taken_ && !stopping_ && Clock::now() - began < kSoon) std::this_thread::yield();
    lock.lock();
  }
  arrived_.wait(lock, [&] { return !jobs_.empty() || stopping_; });
  looks_ = has_cores && Clock::now() - began < kSoon;
}

void Stream::loop() {
  name_thread(name_);
  set_team_size(threads_);
  for (;;) {
    std::unique_ptr<Job> job;
    {
      std::unique_lock lock(mutex_);
      running_ = false;
      if (jobs_.empty()) wait(lock);
      if (stopping_) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
      ++taken_;
      running_ = true;
      if (jobs_.size() == kMaxDepth / 2) drained_.notify_all();
    }
    if (team_) set_team_size(team_());
    take_device_streams(is_urgent_);
    job->run();
  }
}

}  // namespace contrastive
