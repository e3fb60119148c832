// What one JavaScript environment (the main thread or a worker) owns: its streams and its way back from native threads.
#pragma once

#include <napi.h>

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <utility>

#include "core/arrivals.h"
#include "core/pool.h"
#include "core/slot.h"
#include "core/stream.h"

namespace contrastive::distributed {
class ProcessGroup;
}

namespace contrastive::binding {

class State {
 public:
  static void create(Napi::Env env);
  static State& of(Napi::Env env);
  ~State();

  // Bulk work: training, losses, a script's tensor operations.
  Stream& bulk() { return bulk_; }
  // Interactive work: an embedder's request, which must not wait for a training step.
  Stream& interactive() { return interactive_; }
  // Bit 3 of a call's flags chooses. Started: call it before promise(), since nobody would settle one if it throws.
  Stream& stream(uint32_t flags) {
    Stream& chosen = is_interactive(flags) ? interactive_ : bulk_;
    chosen.start();
    return chosen;
  }
  // Where views are made on a device: ahead of the step, on a queue of their own beside it. A request's are its own.
  Stream& views(uint32_t flags) {
    if (is_interactive(flags)) return stream(flags);
    views_.start();
    return views_;
  }

  // The streams' progress as an Int32Array: done and failed of the bulk stream, then of the interactive one.
  Napi::Value progress() const { return progress_.Value(); }

  // Waits for devices in the place of the streams.
  Arrivals& arrivals() { return arrivals_; }

  // A promise that native work will settle. While one is open, the process stays alive.
  // `settle` may be called from any thread, once; `make` then runs on the JavaScript thread and makes the value.
  class Settler {
   public:
    using Make = std::function<Napi::Value(Napi::Env)>;
    void resolve(Make make) const;
    void reject(Failure failure) const;
    Settler(State* state, Napi::Promise::Deferred deferred) : state_(state), deferred_(deferred) {}

   private:
    State* state_;
    Napi::Promise::Deferred deferred_;
  };
  std::pair<Napi::Promise, Settler> promise();

  // On the stream of `flags`, in a handler: notes what is being handled as the failure of work that changes something
  // (backward, an optimizer's step). It surfaces at the next read or sync() on the same stream, as nothing else depends
  // on it by name.
  void note_effect_failure(uint32_t flags, uint64_t job);
  // On the stream of `flags`: throws the first failure of an effect on it since the last call, if there was one.
  void throw_effect_failure(uint32_t flags);

  // Augmentation; made at first use, and before promise(), as stream().
  Pool& pool();
  void set_pool_threads(int threads);

  // Drops what is queued, waits for what runs, ends the threads. What comes later fails with kAbortedError.
  void close();

  // Becomes true when the environment ends; long work looks here between its parts.
  const std::atomic<bool>& closing() const { return *closing_; }
  // The same, for what may outlive this.
  std::shared_ptr<const std::atomic<bool>> shared_closing() const { return closing_; }

  // In a job: this environment has joined the process group, which goes with it.
  void note_joined(std::weak_ptr<distributed::ProcessGroup> group) { joined_ = std::move(group); }
  // In a job of the stream of `flags`, before somebody waits for the device: throws where a rank is gone, for whose
  // part the device would wait without an end.
  void hear_of_ranks(uint32_t flags) const;

 private:
  explicit State(Napi::Env env);
  static bool is_interactive(uint32_t flags) { return (flags & 8) != 0; }
  FailurePtr& effect_failure(uint32_t flags) { return is_interactive(flags) ? interactive_failure_ : bulk_failure_; }
  Progress& progress_of(size_t stream);
  void post(std::function<void(Napi::Env)> callback);

  Napi::Env env_;
  Napi::ThreadSafeFunction completions_;
  Napi::Reference<Napi::Int32Array> progress_;  // JavaScript's memory, since not every runtime lets it see ours
  size_t open_ = 0;                             // promises not settled yet; JavaScript thread only
  std::shared_ptr<std::atomic<bool>> closing_ = std::make_shared<std::atomic<bool>>(false);
  std::weak_ptr<distributed::ProcessGroup> joined_;  // belongs to the bulk stream's thread
  Arrivals arrivals_;
  Progress views_progress_;  // read by nobody
  Stream bulk_, interactive_, views_;
  FailurePtr bulk_failure_, interactive_failure_;  // of effects; each belongs to its stream's thread
  std::unique_ptr<Pool> pool_;
};

}  // namespace contrastive::binding
