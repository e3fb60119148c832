#pragma once

#include <future>
#include <memory>
#include <thread>
#include <utility>

namespace contrastive::distributed {

// What `work` returns, from a thread of its own: who waits for it may give up, and leaves the thread to itself. It must
// own all that it uses.
template <typename Work>
auto aside(Work work) {
  using Result = decltype(work());
  auto task = std::make_shared<std::packaged_task<Result()>>(std::move(work));
  std::future<Result> result = task->get_future();
  std::thread([task] { (*task)(); }).detach();
  return result;
}

}  // namespace contrastive::distributed
