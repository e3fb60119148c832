// A fixed set of low-priority threads for work that must not run on the JavaScript thread nor on libuv's pool.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace contrastive {

// Tasks are taken first in, first out; the items of one task are shared out among all threads. The destructor waits for
// every task: who cannot wait gives the tasks a flag that makes their items throw.
class Pool {
 public:
  using Body = std::function<void(int64_t index)>;
  using Done = std::function<void(std::exception_ptr error)>;

  // Throws kNativeError where the system does not give so many threads.
  explicit Pool(int threads);
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  int size() const { return static_cast<int>(threads_.size()); }

  // Calls body(index) for every index in [0, count) on the pool's threads and returns at once. When all have ended,
  // `done` runs once with the first exception or null, on a pool thread (here, when there was nothing to start); it
  // must not throw. After an exception the remaining items are skipped.
  void run(int64_t count, Body body, Done done);

 private:
  struct Task {
    int64_t count = 0, next = 0, running = 0;
    Body body;
    Done done;
    std::exception_ptr error;
  };

  void work();
  void join();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::shared_ptr<Task>> queue_;  // tasks with items that nobody has taken
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace contrastive
