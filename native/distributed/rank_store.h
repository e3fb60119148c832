// What the ranks of a group write for each other to read: texts by name.
#pragma once

#include <torch/csrc/distributed/c10d/Store.hpp>

#include <atomic>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "distributed/group_options.h"
#include "distributed/presence.h"

namespace contrastive::distributed {

// The store does not answer.
class StoreLost : public Error {
 public:
  explicit StoreLost(const std::string& message) : Error(kDistributedError, message) {}
};

// Over c10d's store, whose calls would hang with the process that serves it. Where it does not answer within the
// timeout, or the connection breaks, each of these throws StoreLost, and so does every later one, at once.
class RankStore {
 public:
  RankStore(c10::intrusive_ptr<c10d::Store> store, GroupOptions options, Check check);

  const GroupOptions& options() const { return options_; }

  bool has(const std::string& key);
  void set(const std::string& key, const std::string& text);  // from any thread
  std::string get(const std::string& key);                    // of a key that is there
  int64_t add(const std::string& key, int64_t amount);

  // Says who this rank is, and what it was started with.
  void introduce();
  // Once all have come: whether each was started with a device.
  bool all_have_devices();
  bool has_come(int rank) { return has(key_of(rank)); }
  // Throws kDistributedError where a rank that has come was started otherwise than this one.
  void expect_alike(int rank);
  // What a rank wrote of itself: 'rank 1 (node7, process 4711)'.
  std::string name_of(int rank);
  std::string own_name() const;
  // The name of a machine of another rank that is not this one; empty where all are on this one.
  std::string other_machine();

  // Tells the others that this rank goes on no more; and, if not empty, why. Who serves the store stays for a while
  // until all others have done so.
  void leave(const std::string& reason);
  // What another rank said when it left, 'rank 1 (…) stopped: …'; empty where none has had a reason to.
  std::string said_by_others();
  // Another text than before: since then a rank was at a task of its own (Presence).
  std::string beats();
  // The names of those that do not answer when they are asked.
  std::vector<std::string> silent_ranks();
  // Where all have answered: 'rank 0 (…) is in a, rank 1 (…) in b', of the first that differs from rank 0; or empty.
  std::string different_answers();

 private:
  template <typename Ask>
  auto in_time(Ask ask);
  static std::string key_of(int rank);

  c10::intrusive_ptr<c10d::Store> store_;
  GroupOptions options_;
  Check check_;
  std::atomic<std::chrono::milliseconds> patience_;  // with a call
  std::atomic<bool> is_lost_ = false;
  std::vector<int> silent_;  // ranks, as they were last asked
};

// 'ranks 1, 2 and 3', of the names
std::string list_of(const std::vector<std::string>& names);

}  // namespace contrastive::distributed
