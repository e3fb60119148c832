// Who waits for a device in the place of a stream, which goes on launching: one thread, made at the first wait.
#pragma once

#include <c10/core/Event.h>

#include <condition_variable>
#include <exception>
#include <functional>
#include <list>
#include <mutex>
#include <thread>
#include <vector>

namespace contrastive {

class Arrivals {
 public:
  Arrivals() = default;
  ~Arrivals() {
    stop();
    join();
  }
  Arrivals(const Arrivals&) = delete;
  Arrivals& operator=(const Arrivals&) = delete;

  // Calls `then` once all events have happened, with what the device reported where it failed. Dropped after stop(),
  // and where it waits at stop().
  void when(std::vector<c10::Event> events, std::function<void(std::exception_ptr)> then);

  void stop();
  void join();

 private:
  struct Wait {
    std::vector<c10::Event> events;
    std::function<void(std::exception_ptr)> then;

    bool is_over(std::exception_ptr& failed) const;
  };
  void loop();

  std::mutex mutex_;
  std::condition_variable came_;
  std::list<Wait> waits_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace contrastive
