// An object that looks at tensors which queued jobs may still move: its handle is there at once, it itself when the
// first job needs it.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <utility>

namespace contrastive {

template <typename T>
class Later {
 public:
  explicit Later(std::function<std::shared_ptr<T>()> make) : make_(std::move(make)) {}

  // In a job. Throws what making it throws.
  const std::shared_ptr<T>& get() {
    const std::lock_guard lock(mutex_);
    if (!value_) {
      value_ = make_();
      make_ = nullptr;  // and what it holds
    }
    return value_;
  }

 private:
  std::mutex mutex_;
  std::function<std::shared_ptr<T>()> make_;
  std::shared_ptr<T> value_;
};

}  // namespace contrastive
