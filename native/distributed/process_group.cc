#include "distributed/process_group.h"

#include <ATen/ATen.h>
#include <ATen/core/ivalue.h>
#include <c10/util/Exception.h>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "core/device_graph.h"
#include "core/error.h"
#include "distributed/aside.h"
#include "distributed/connections.h"
#include "distributed/quiet_log.h"
#include "distributed/rendezvous.h"

namespace contrastive::distributed {
namespace {

using Clock = std::chrono::steady_clock;
using WorkPtr = c10::intrusive_ptr<c10d::Work>;
using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr const char* kSameOrder = "all processes must call the same collectives in the same order";

constexpr milliseconds kBetweenLooks{100};   // at whether the environment ends, while a collective is waited for
constexpr milliseconds kBetweenCalls{1000};  // to the store, whether a rank has left
constexpr microseconds kBetweenQueries{50};  // of a device, whether a collective is done
constexpr milliseconds kForNccl{5000};       // to end

std::mutex current_mutex;
// Never destroyed at exit: a thread of gloo's may be in it.
std::shared_ptr<ProcessGroup>& current() {
  static auto* group = new std::shared_ptr<ProcessGroup>();
  return *group;
}

// Of an error of a work on a device: whether it is CUDA that reports it, and not NCCL.
bool is_fault_of_device(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const c10::DistError&) {
    return false;
  } catch (...) {
    return true;
  }
}

}  // namespace

struct ProcessGroup::Pending::State {
  std::mutex mutex;
  std::condition_variable changed;
  bool is_done = false;
  std::string error;
  bool is_of_device = false;  // the fault, and not one of the connections
  std::vector<at::Tensor> held;
  Clock::time_point began = Clock::now(), ended;
  WorkPtr on_device;  // which tells nobody that it is done, and is asked

  // Whether it has ended, after a while.
  bool has_ended();

 private:
  bool has_ended_on_device();
};

bool ProcessGroup::Pending::State::has_ended() {
  if (on_device) return has_ended_on_device();
  std::unique_lock lock(mutex);
  return wait_a_while(changed, lock, kBetweenLooks, [&] { return is_done; });
}

bool ProcessGroup::Pending::State::has_ended_on_device() {
  try {
    if (!on_device->isCompleted()) {
      std::this_thread::sleep_for(kBetweenQueries);
      return false;
    }
    if (const std::exception_ptr failure = on_device->exception()) std::rethrow_exception(failure);
    on_device->wait();  // what this thread launches from here on comes after it
  } catch (...) {
    error = reason_of(std::current_exception());
    is_of_device = is_fault_of_device(std::current_exception());
  }
  ended = Clock::now();
  on_device = nullptr;
  is_done = true;
  return true;
}

ProcessGroup::ProcessGroup(const GroupOptions& options, const Check& check)
    : options_(options), check_(check), store_(meet(options, check)) {
  try {
    const std::string own = own_address(options_, *store_);
    presence_ = std::make_unique<Presence>(connect_again(*store_, check_), options_.rank);
    presence_->answer_with(calls_.newest());
    const c10::intrusive_ptr<c10d::Store> store = connect_again(*store_, check_);  // which is waited at
    Wait wait(*this);
    const auto listen = [&] { is_worth(wait); };
    const auto part = [&](const char* name) { return c10::make_intrusive<c10d::PrefixStore>(name, store); };
    gloo_.all = connect_by_gloo(options_, own, store, listen);
    gloo_.gradients = connect_by_gloo(options_, own, part("gradients"), listen);
    if (options_.device && !store_->all_have_devices()) options_.device.reset();
    if (!options_.device) return;
    nccl_.all = connect_by_nccl(options_, part("nccl"), listen);
    nccl_.gradients = connect_by_nccl(options_, part("nccl gradients"), listen);
  } catch (const Error& e) {
    note_failure(e.what());
    nccl_.release();
    store_->leave(e.what());
    throw;
  }
}

ProcessGroup::~ProcessGroup() {
  try {
    if (failure_.empty()) wait_for_joined();
  } catch (const Error&) {  // which failure_ now has
  }
  presence_.reset();  // before its connections break: who asks why must find nobody
  if (failure_.empty() && *under_way_ == 0 && end_nccl(&c10d::Backend::shutdown)) return;
  // What still waits for a rank that is gone would be waited for here.
  gloo_.release();
  nccl_.release();
}

void ProcessGroup::Carrier::release() {
  all.release();
  gradients.release();
}

bool ProcessGroup::end_nccl(void (c10d::Backend::*how)()) {
  std::vector<Aside<void>> ends;
  for (auto backend : {nccl_.all, nccl_.gradients}) {
    if (!backend) continue;
    ends.push_back(aside([backend, how]() mutable {
      const QuietLog quiet;
      const auto held = std::move(backend);  // and let go before this has ended
      (held.get()->*how)();
    }));
  }
  const Clock::time_point end = Clock::now() + kForNccl;
  return std::all_of(ends.begin(), ends.end(), [end](const Aside<void>& each) {
    return each.wait_for(std::max(milliseconds(0), std::chrono::duration_cast<milliseconds>(end - Clock::now())));
  });
}

at::Device ProcessGroup::sent_from(at::Device device) const { return device == options_.device ? device : at::kCPU; }

at::Tensor ProcessGroup::sendable(const at::Tensor& tensor) const {
  return tensor.detach().to(sent_from(tensor.device())).contiguous();
}

const ProcessGroup::Carrier& ProcessGroup::carrier_of(const at::Tensor& tensor) const {
  return tensor.is_cpu() ? gloo_ : nccl_;
}

void ProcessGroup::check_usable() const { CONTRASTIVE_CHECK(failure_.empty(), kDistributedError, failure_); }

ProcessGroup::Pending ProcessGroup::launch(const std::function<WorkPtr()>& start, std::vector<at::Tensor> held) {
  check_usable();
  WorkPtr work;
  try {
    work = start();
  } catch (...) {
    fail_by(std::current_exception(), !held.back().is_cpu());
  }
  auto state = std::make_shared<Pending::State>();
  {
    const std::lock_guard lock(traffic_mutex_);
    ++traffic_.collectives;
    traffic_.bytes += static_cast<int64_t>(held.back().nbytes());
  }
  state->held = std::move(held);
  ++*under_way_;
  if (!state->held.back().is_cpu()) {
    state->on_device = std::move(work);
    return {*this, state};
  }
  work->getFuture()->addCallback([state, under_way = under_way_](c10::ivalue::Future& future) {
    const std::lock_guard lock(state->mutex);
    state->is_done = true;
    state->ended = Clock::now();
    if (future.hasError()) state->error = reason_in(future.tryRetrieveErrorMessage());
    --*under_way;
    state->changed.notify_all();
  });
  return {*this, state};
}

void ProcessGroup::Pending::wait() {
  const QuietLog quiet;  // a thread of c10d's notices a fault too
  const Clock::time_point began = Clock::now();
  Wait wait(*group_);
  const bool is_on_device = state_->on_device != nullptr;
  while (!state_->has_ended())
    if (!group_->is_worth(wait)) group_->fail(group_->no_answer());
  if (is_on_device) --*group_->under_way_;
  {
    using Seconds = std::chrono::duration<double>;
    const std::lock_guard traffic_lock(group_->traffic_mutex_);
    group_->traffic_.under_way += Seconds(state_->ended - state_->began).count();
    group_->traffic_.waited += std::max(0.0, Seconds(state_->ended - began).count());
  }
  if (state_->is_of_device) group_->fail_by_device(state_->error);
  if (!state_->error.empty()) group_->fail(state_->error);
}

void ProcessGroup::Pending::join() {
  if (!state_->on_device) return wait();
  try {
    state_->on_device->wait();
  } catch (...) {
    group_->fail_by(std::current_exception(), /*is_on_device=*/true);
  }
  if (group_->joined_) --*group_->under_way_;
  group_->joined_ = *this;
}

void ProcessGroup::wait_for_joined() {
  if (auto newest = std::exchange(joined_, std::nullopt)) newest->wait();
}

ProcessGroup::Pending ProcessGroup::all_reduce_gradients(const at::Tensor& tensor) {
  std::vector<at::Tensor> tensors{tensor};
  return launch([&] { return carrier_of(tensor).gradients->allreduce(tensors); }, tensors);
}

ProcessGroup::Pending ProcessGroup::all_reduce(const at::Tensor& tensor, Reduction reduction) {
  note("a reduction", tensor);
  return launch_reduction(tensor, reduction);
}

ProcessGroup::Pending ProcessGroup::launch_reduction(const at::Tensor& tensor, Reduction reduction) {
  std::vector<at::Tensor> tensors{tensor};
  c10d::AllreduceOptions options;
  options.reduceOp = reduction == Reduction::kSum   ? c10d::ReduceOp::SUM
                     : reduction == Reduction::kMax ? c10d::ReduceOp::MAX
                                                    : c10d::ReduceOp::MIN;
  return launch([&] { return carrier_of(tensor).all->allreduce(tensors, options); }, tensors);
}

ProcessGroup::Pending ProcessGroup::broadcast(const at::Tensor& tensor, int source) {
  note("a broadcast", tensor);
  std::vector<at::Tensor> tensors{tensor};
  c10d::BroadcastOptions options;
  options.rootRank = source;
  return launch([&] { return carrier_of(tensor).all->broadcast(tensors, options); }, tensors);
}

ProcessGroup::Pending ProcessGroup::all_gather(const at::Tensor& output, const at::Tensor& input) {
  note("a gathering", input);
  at::Tensor out = output, in = input;
  return launch([&] { return carrier_of(input).all->_allgather_base(out, in); }, {output, input});
}

// Ranks that would wait at different carriers would do so in vain.
void ProcessGroup::add_to(CallLog& calls, const std::string& name, const at::Tensor& tensor) const {
  calls.note(sent_from(tensor.device()).is_cpu() ? name : message(name, " by NCCL"), tensor);
}

void ProcessGroup::note(const std::string& name, const at::Tensor& tensor) {
  add_to(calls_, name, tensor);
  presence_->answer_with(calls_.newest());
}

void ProcessGroup::agree(const at::Tensor& numbers) {
  note("an agreement", numbers);
  compare(calls_, numbers);
}

void ProcessGroup::expect_same_call(const std::string& name, const at::Tensor& tensor) {
  CONTRASTIVE_CHECK(std::this_thread::get_id() == thread_, kStateError, name,
                    ": the process group belongs to the thread of JavaScript that joined it, and to its bulk work");
  CallLog next = calls_;
  add_to(next, name, tensor);
  compare(next, at::empty({0}, at::kLong));
}

void ProcessGroup::compare(const CallLog& calls, const at::Tensor& numbers) {
  presence_->answer_with(calls.newest());
  const int64_t digest = calls.digest();
  const at::Tensor all = at::cat({numbers, at::tensor({digest, -digest}, at::kLong)});
  launch_reduction(all, Reduction::kMax).wait();
  const int64_t* largest = all.const_data_ptr<int64_t>() + numbers.numel();
  if (largest[0] != -largest[1]) fail("", message("ranks have called different collectives: ", kSameOrder));
  numbers.copy_(all.narrow(0, 0, numbers.numel()));
}

void ProcessGroup::set(const std::string& key, const std::string& text) { store_->set("text/" + key, text); }

std::string ProcessGroup::get(const std::string& key) {
  check_usable();
  const std::string full = "text/" + key;
  presence_->answer_with(message("a wait for '", key, "'"));
  try {
    Wait wait(*this);
    for (milliseconds pause{5}; !store_->has(full); pause = std::min(2 * pause, kBetweenLooks)) {
      if (!is_worth(wait)) fail(message("'", key, "': ", no_answer()));
      std::this_thread::sleep_for(pause);
    }
    return store_->get(full);
  } catch (const Error& e) {
    fail_with(e);
  }
}

ProcessGroup::Traffic ProcessGroup::traffic() const {
  const std::lock_guard lock(traffic_mutex_);
  return traffic_;
}

void ProcessGroup::leave(const std::string& reason) {
  if (failure_.empty() && !reason.empty()) note_failure("the process group was left: " + reason);
  store_->leave(reason);
}

ProcessGroup::Wait::Wait(ProcessGroup& group)
    : is_waiting(group.is_waiting_),
      next_call(Clock::now() + kBetweenCalls),
      end(Clock::now() + group.options_.timeout) {
  is_waiting = true;
}

bool ProcessGroup::is_worth(Wait& wait) {
  try {
    check_();
    Clock::time_point now = Clock::now();
    if (now < std::min(wait.next_call, wait.end)) return true;
    const std::string said = store_->said_by_others();
    CONTRASTIVE_CHECK(said.empty(), kDistributedError, said);
    const std::string beats = store_->beats();
    now = Clock::now();
    wait.next_call = now + kBetweenCalls;
    if (std::exchange(wait.beats, beats) != beats) wait.end = now + options_.timeout;
    return now < wait.end;
  } catch (const Error& e) {
    fail_with(e);
  }
}

std::string ProcessGroup::no_answer() const {
  return message("no answer within ", static_cast<double>(options_.timeout.count()) / 1000, " s");
}

std::string ProcessGroup::who_is_gone() {
  const std::vector<std::string> silent = store_->silent_ranks();
  const std::string said = store_->said_by_others();
  if (!said.empty() || silent.empty()) return said;
  return list_of(silent) + (silent.size() == 1 ? " does" : " do") + " not answer";
}

void ProcessGroup::fail(const std::string& what, const std::string& otherwise) {
  try {
    std::string said = store_->said_by_others();
    if (said.empty()) said = who_is_gone();
    if (said.empty()) {
      std::string different = store_->different_answers();
      if (!different.empty() && !what.empty()) {
        // One that is just ending may have answered still.
        std::this_thread::sleep_for(kBetweenLooks);
        said = who_is_gone();
      }
      if (said.empty()) said = different.empty() ? otherwise : message(different, ": ", kSameOrder);
    }
    throw Error(kDistributedError, what.empty() ? said : message(said, " (", what, ")"));
  } catch (const Error& e) {
    fail_with(e);
  }
}

void ProcessGroup::fail_by(const std::exception_ptr& error, bool is_on_device) {
  if (is_on_device && is_fault_of_device(error)) fail_by_device(reason_of(error));
  fail(reason_of(error));
}

void ProcessGroup::fail_by_device(const std::string& what) {
  try {
    const std::string said = who_is_gone();
    throw Error(kDistributedError,
                said.empty() ? message("the device of this process: ", what) : message(said, " (", what, ")"));
  } catch (const Error& e) {
    fail_with(e);
  }
}

void ProcessGroup::fail_with(const Error& error) {
  note_failure(error.what());
  throw Error(error);
}

void ProcessGroup::note_failure(const std::string& failure) {
  // What waits on a device for a rank that is gone would keep the device, and this process, for ever.
  if (failure_.empty()) end_nccl(&c10d::Backend::abort);
  failure_ = failure;
}

std::shared_ptr<ProcessGroup> group_or_null() {
  const std::lock_guard lock(current_mutex);
  return current();
}

std::shared_ptr<ProcessGroup> group() {
  CONTRASTIVE_CHECK(!captured_use(), kStateError, "several processes take part in it");
  auto group = group_or_null();
  CONTRASTIVE_CHECK(group, kStateError, "there is no process group: call initProcessGroup() first");
  return group;
}

void set_group(std::shared_ptr<ProcessGroup> group) {
  {
    const std::lock_guard lock(current_mutex);
    current().swap(group);
  }
  group.reset();  // the one before: it may take a second
}

}  // namespace contrastive::distributed
