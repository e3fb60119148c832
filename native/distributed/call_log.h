// What a rank has called of its group: alike in all ranks, or they wait for each other in vain.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>

namespace contrastive::distributed {

class CallLog {
 public:
  void note(const std::string& name, const at::Tensor& tensor);

  // Of all calls so far, in their order; not negative.
  int64_t digest() const { return static_cast<int64_t>(digest_ >> 1); }
  // 'allReduce_ (sum) of Float [3], its collective 12'
  std::string newest() const;

 private:
  int64_t calls_ = 0;
  uint64_t digest_ = 0xcbf29ce484222325;
  std::string newest_;
};

}  // namespace contrastive::distributed
