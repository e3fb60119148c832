// Of a process that joins a group.
#pragma once

#include <c10/core/Device.h>

#include <chrono>
#include <functional>
#include <optional>
#include <string>

namespace contrastive::distributed {

struct GroupOptions {
  int rank = 0, size = 1;
  std::string file;  // of a FileStore; empty: a TCPStore at host and port
  std::string host;
  int port = 0;
  bool serves = false;                   // this process is the TCPStore's server
  std::string prefix;                    // of the store's keys: each attempt of a launcher has its own
  std::string signature;                 // what must be the same in all ranks, as lines of 'name value'
  std::chrono::milliseconds timeout{0};  // of the rendezvous and of each collective
  std::optional<c10::Device> device;     // whose tensors NCCL carries, where all ranks have one; else gloo carries all
};

// Throws kAbortedError where the environment ends.
using Check = std::function<void()>;

}  // namespace contrastive::distributed
