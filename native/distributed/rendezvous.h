// How the processes of a training find each other: a store that all of them reach.
#pragma once

#include <torch/csrc/distributed/c10d/Store.hpp>

#include <chrono>
#include <functional>
#include <string>
#include <vector>

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
};

// Throws kAbortedError where the environment ends.
using Check = std::function<void()>;

// The store, once every rank has come to it. Throws kDistributedError: who serves it cannot be reached, two processes
// have one rank, some do not come, or their signatures differ; each names the ranks.
c10::intrusive_ptr<c10d::Store> meet(const GroupOptions& options, const Check& check);

// What a rank wrote of itself: 'rank 1 (node7, process 4711)'.
std::string name_of(const c10::intrusive_ptr<c10d::Store>& store, int rank);

std::string text_at(const c10::intrusive_ptr<c10d::Store>& store, const std::string& key);
void set_text(const c10::intrusive_ptr<c10d::Store>& store, const std::string& key, const std::string& text);

// 'ranks 1 and 3'
std::string list_of(const std::vector<std::string>& names);

}  // namespace contrastive::distributed
