#include "core/pool.h"

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "core/thread.h"

#if defined(__linux__)
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace contrastive {
namespace {

// Training and the event loop come first: on Linux niceness belongs to a thread, so only this one steps back.
void lower_priority() {
#if defined(__linux__)
  constexpr int kNice = 5;
  const auto thread = static_cast<id_t>(syscall(SYS_gettid));
  setpriority(PRIO_PROCESS, thread, getpriority(PRIO_PROCESS, thread) + kNice);  // refused: the default will do
#endif
}

}  // namespace

Pool::Pool(int threads) {
  CONTRASTIVE_CHECK(threads >= 1, kOptionError, "threads must be an integer >= 1, got ", threads);
  threads_.reserve(threads);
  try {
    for (int i = 0; i < threads; ++i) threads_.push_back(start_thread("augmentation", [this] { work(); }));
  } catch (...) {
    join();  // those that were given
    throw;
  }
}

Pool::~Pool() { join(); }

void Pool::join() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void Pool::run(int64_t count, Body body, Done done) {
  auto task = std::make_shared<Task>();
  task->count = count;
  task->body = std::move(body);
  task->done = std::move(done);
  if (count <= 0) {
    task->done(nullptr);
    return;
  }
  {
    std::lock_guard lock(mutex_);
    queue_.push_back(std::move(task));
  }
  wake_.notify_all();
}

void Pool::work() {
  lower_priority();
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [&] { return stopping_ || !queue_.empty(); });
    if (queue_.empty()) return;
    const std::shared_ptr<Task> task = queue_.front();
    // A few items at a time keep the lock cold; few enough that the threads end together.
    const int64_t share = task->count / (int64_t{8} * size()) + 1;
    const int64_t first = task->next;
    const int64_t last = std::min(task->count, first + share);
    task->next = last;
    if (last == task->count) queue_.pop_front();
    ++task->running;
    lock.unlock();
    std::exception_ptr error;
    try {
      for (int64_t i = first; i < last; ++i) task->body(i);
    } catch (...) {
      error = std::current_exception();
    }
    lock.lock();
    if (error && !task->error) {
      task->error = error;
      if (task->next != task->count) {
        task->next = task->count;
        std::erase(queue_, task);
      }
    }
    if (--task->running > 0 || task->next != task->count) continue;
    // Last one out: what the closures hold is released before anybody hears of the end.
    Done done = std::move(task->done);
    const std::exception_ptr outcome = task->error;
    lock.unlock();
    task->body = nullptr;
    done(outcome);
    lock.lock();
  }
}

}  // namespace contrastive
