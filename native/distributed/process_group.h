// The processes that compute together, and what they send each other. A group is of one process; its collectives are
// called by the bulk stream, in the same order in every rank.
#pragma once

#include <ATen/core/Tensor.h>
#include <torch/csrc/distributed/c10d/Backend.hpp>

#include <atomic>
#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "core/error.h"
#include "distributed/call_log.h"
#include "distributed/presence.h"
#include "distributed/rank_store.h"

namespace contrastive::distributed {

class ProcessGroup {
 public:
  // Blocks until every rank is there; throws kDistributedError where one is not, in time.
  ProcessGroup(const GroupOptions& options, const Check& check);
  ~ProcessGroup();

  int rank() const { return options_.rank; }
  int size() const { return options_.size; }

  // A collective that is under way. Tensors that it was given must not change before wait() returns, which throws
  // kDistributedError, with the rank at fault, or kAbortedError where the environment ends.
  class Pending {
   public:
    void wait();
    // On a device, the host goes on: what this thread launches from here on comes after the collective. On the CPU as
    // wait(). Whoever reads a value of the device after it calls wait_for_joined() first, which hears of a rank that is
    // gone; the device itself would be waited for without an end.
    void join();

   private:
    friend class ProcessGroup;
    struct State;
    Pending(ProcessGroup& group, std::shared_ptr<State> state) : group_(&group), state_(std::move(state)) {}
    ProcessGroup* group_;
    std::shared_ptr<State> state_;
  };

  // Where tensors of a device are when they are sent: there, if NCCL carries them, else on the CPU.
  at::Device sent_from(at::Device device) const;
  // A tensor as the collectives take it: there, contiguous, without a gradient.
  at::Tensor sendable(const at::Tensor& tensor) const;

  // The sum over all ranks, in each; or the maximum.
  enum class Reduction { kSum, kMax, kMin };
  Pending all_reduce(const at::Tensor& tensor, Reduction reduction);
  // The sum of gradients: in the same order among each other only, as they come at another moment of the pass in each
  // rank.
  Pending all_reduce_gradients(const at::Tensor& tensor);
  Pending broadcast(const at::Tensor& tensor, int source);
  // One behind the other by rank: `output` is (size · n, …) for (n, …).
  Pending all_gather(const at::Tensor& output, const at::Tensor& input);
  // Until the device is done with all that was joined.
  void wait_for_joined();

  // The largest of all ranks' `numbers` (int64, in one dimension), in their places. Throws kDistributedError where the
  // ranks have not called the same collectives before.
  void agree(const at::Tensor& numbers);
  // Before a collective that users call: throws kDistributedError where another rank calls another one, or of another
  // shape, which would compute nonsense; kStateError in a thread that is not the one that joined.
  void expect_same_call(const std::string& name, const at::Tensor& tensor);

  // Text that all ranks see, for what comes once and is small. `set`, which any thread may call, is seen by whoever
  // calls `get`, which waits.
  void set(const std::string& key, const std::string& text);
  std::string get(const std::string& key);

  // From any thread: this rank is at a task of its own, and the others, who wait for it, begin to count anew. Not while
  // it waits for them.
  void beat() {
    if (!is_waiting_) presence_->beat();
  }

  // What the collectives so far have sent: the bytes of the tensors that they were given, and the seconds from their
  // start to their end, on a device until that was noticed, together; and for how long of that somebody waited for
  // them. The seconds of those that were joined count where they were waited for.
  struct Traffic {
    int64_t collectives = 0, bytes = 0;
    double under_way = 0, waited = 0;
  };
  Traffic traffic() const;

  // Tells the others that this rank goes on no more; where there is a reason, what they wait for fails by that.
  void leave(const std::string& reason);

 private:
  // What carries tensors; gradients over connections of their own.
  struct Carrier {
    c10::intrusive_ptr<c10d::Backend> all, gradients;
    void release();
  };
  const Carrier& carrier_of(const at::Tensor& tensor) const;
  Pending launch(const std::function<c10::intrusive_ptr<c10d::Work>()>& start, std::vector<at::Tensor> held);
  Pending launch_reduction(const at::Tensor& tensor, Reduction reduction);
  void check_usable() const;
  void add_to(CallLog& calls, const std::string& name, const at::Tensor& tensor) const;
  void note(const std::string& name, const at::Tensor& tensor);
  void compare(const CallLog& calls, const at::Tensor& numbers);
  // What is waited for, in a scope.
  struct Wait {
    explicit Wait(ProcessGroup& group);
    ~Wait() { is_waiting = false; }
    Wait(const Wait&) = delete;
    Wait& operator=(const Wait&) = delete;
    std::atomic<bool>& is_waiting;
    std::chrono::steady_clock::time_point next_call, end;
    std::string beats;
  };
  // Whether to go on waiting. Throws where the environment ends, or another rank has left. The others are heard about
  // once a second.
  bool is_worth(Wait& wait);
  std::string no_answer() const;
  // What another rank says why it left, or who does not answer; empty where all do.
  std::string who_is_gone();
  // Throws kDistributedError: who is to blame for what went wrong; where nobody is, `otherwise`.
  [[noreturn]] void fail(const std::string& what, const std::string& otherwise = "ranks cannot reach each other");
  // By what c10d threw.
  [[noreturn]] void fail_by(const std::exception_ptr& error, bool is_on_device);
  // The same, of a fault of a device: where no other rank is to blame, it is this one's.
  [[noreturn]] void fail_by_device(const std::string& what);
  [[noreturn]] void fail_with(const Error& error);
  // No collective is begun any more.
  void note_failure(const std::string& failure);
  // Of both of NCCL's connections. Whether that has ended, after a while.
  bool end_nccl(void (c10d::Backend::*how)());

  GroupOptions options_;
  Check check_;
  std::unique_ptr<RankStore> store_;
  std::unique_ptr<Presence> presence_;
  CallLog calls_;        // but for those of gradients
  Carrier gloo_, nccl_;  // the second one of options_.device
  std::shared_ptr<std::atomic<int>> under_way_ = std::make_shared<std::atomic<int>>(0);  // collectives
  std::optional<Pending> joined_;  // the newest: NCCL ends them in their order
  mutable std::mutex traffic_mutex_;
  Traffic traffic_;
  std::atomic<bool> is_waiting_ = false;
  const std::thread::id thread_ = std::this_thread::get_id();
  std::string failure_;
};

// That of this process. Set by the binding; operations look here.
std::shared_ptr<ProcessGroup> group_or_null();
// Throws kStateError where there is none.
std::shared_ptr<ProcessGroup> group();
void set_group(std::shared_ptr<ProcessGroup> group);

}  // namespace contrastive::distributed
