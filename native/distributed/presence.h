// What a rank says of itself while its own threads compute, read or wait.
#pragma once

#include <torch/csrc/distributed/c10d/Store.hpp>

#include <cstdint>
#include <memory>
#include <string>

#include "distributed/aside.h"

namespace contrastive::distributed {

// How often ranks have asked whether the others are there; and where each of them answers: the number that it has seen,
// a space, and what it is in.
constexpr const char* kQuestion = "question";
std::string answer_key(int rank);
// Counts on while a rank is at a task of its own that may take longer than the others wait.
constexpr const char* kBeats = "beats";

// A thread that answers for this rank, and passes on its beats, about once a second. Where the store is gone it ends:
// who waits for another rank notices that.
class Presence {
 public:
  // The store: a connection that nobody else waits at.
  Presence(c10::intrusive_ptr<c10d::Store> store, int rank);
  ~Presence();
  Presence(const Presence&) = delete;
  Presence& operator=(const Presence&) = delete;

  // What it answers from now on: what this rank is in.
  void answer_with(std::string text);
  // Of a task that goes on. From any thread.
  void beat();

 private:
  struct State {
    std::mutex mutex;
    std::condition_variable changed;
    std::string answer;
    int64_t beats = 0;
    bool has_ended = false;
  };
  static void speak(State& state, c10d::Store& store, int rank);

  std::shared_ptr<State> state_ = std::make_shared<State>();
  Aside<void> thread_;
};

}  // namespace contrastive::distributed
