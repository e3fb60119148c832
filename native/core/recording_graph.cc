#include "core/recording_graph.h"

#include <ATen/ATen.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <exception>

#include "core/device_streams.h"
#include "core/error.h"
#include "core/failure.h"
#include "core/version.h"

namespace contrastive {
namespace {

constexpr int kWarmUp = 2;      // calls
constexpr int kWorthwhile = 8;  // calls of a graph that pay for taking it down
constexpr int kMostWasted = 4;  // graphs in a row that were not

std::vector<bool> outside(const std::vector<ValueKind>& kinds) {
  std::vector<bool> is_outside;
  for (const ValueKind& kind : kinds) is_outside.push_back(kind.is_outside);
  return is_outside;
}

const void* storage_of(const at::Tensor& tensor) { return tensor.storage().unsafeGetStorageImpl(); }

bool has_gradient(const at::Tensor& tensor) {
  return tensor.requires_grad() && tensor.is_leaf() && tensor.grad().defined();
}

// What tells of tensors whether they were changed.
struct Before {
  explicit Before(const std::vector<at::Tensor>& tensors) : tensors(tensors) {
    for (const at::Tensor& tensor : tensors) {
      versions.push_back(version_of(tensor));
      gradients.push_back(has_gradient(tensor) ? tensor.grad() : at::Tensor());
    }
  }

  std::vector<at::Tensor> changed() const {
    std::vector<at::Tensor> found;
    for (size_t i = 0; i < tensors.size(); ++i)
      if (version_of(tensors[i]) != versions[i]) found.push_back(tensors[i]);
    return found;
  }

  void restore_gradients() const {
    for (size_t i = 0; i < tensors.size(); ++i)
      if (tensors[i].requires_grad() && tensors[i].is_leaf()) tensors[i].mutable_grad() = gradients[i];
  }

  const std::vector<at::Tensor> tensors;
  std::vector<uint32_t> versions;
  std::vector<at::Tensor> gradients;
};

// Runs `work`, and keeps the first failure.
template <typename Work>
void attempt(std::optional<Failure>& failure, uint64_t job, const Work& work) {
  try {
    work();
  } catch (...) {
    if (!failure) failure = describe(std::current_exception(), job);
  }
}

}  // namespace

RecordingGraph::RecordingGraph(const Recording& recording, const std::vector<ValueKind>& kinds)
    : recording_(recording),
      is_outside_(outside(kinds)),
      plan_(plan_graphs(recording, kinds)),
      captured_(plan_.parts.size()),
      status_{State::kWarmingUp, "", -1} {
  if (plan_.parts.empty()) give_up(plan_.reason, plan_.operation);
  if (launches_block()) give_up("CUDA_LAUNCH_BLOCKING asks for operations that are waited for one by one");
}

std::vector<at::Tensor> RecordingGraph::run(std::vector<at::Tensor> given, uint64_t job,
                                            const std::function<void()>& check) {
  if (!may_use_graphs(given)) return recording_.run(std::move(given), job, check);
  const c10::DeviceGuard on_device(plan_.device);  // whose queue is taken down
  std::vector<at::Tensor> values = std::move(given);
  bool is_usable = true;
  for (size_t i = 0; i < plan_.parts.size(); ++i) {
    const GraphPlan::Part& part = plan_.parts[i];
    if (part.is_graph && is_usable) {
      check();
      is_usable = (captured_[i] || capture(i, values, job)) && replay(i, values);
      if (is_usable) continue;
    }
    recording_.run_part(part.begin, part.end, values, job, check);
  }
  return outputs_of(values);
}

RecordingGraph::Status RecordingGraph::status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

bool RecordingGraph::may_use_graphs(const std::vector<at::Tensor>& given) {
  {
    const std::lock_guard lock(mutex_);
    if (!thread_) thread_ = std::this_thread::get_id();
    if (status_.state == State::kNotPossible || *thread_ != std::this_thread::get_id()) return false;
  }
  if (plan_.uses_gradients)
    for (size_t value = 0; value < given.size(); ++value)
      if (is_outside_[value] && !plan_.is_cleared[value] && has_gradient(given[value])) {
        give_up("it adds to gradients from before the call, or uses them");
        return false;
      }
  const auto is_as_it_was = [&](const Captured& captured) {
    return captured.backends == backends_in_force() &&
           std::all_of(captured.taken.begin(), captured.taken.end(),
                       [&](const Taken& taken) {
                         return !is_outside_[taken.value] || given[taken.value].const_data_ptr() == taken.data;
                       }) &&
           std::all_of(captured.host.unchanged.begin(), captured.host.unchanged.end(),
                       [](const auto& made_of) { return version_of(made_of.first) == made_of.second; });
  };
  if (std::any_of(captured_.begin(), captured_.end(), [&](const auto& each) { return each && !is_as_it_was(*each); }))
    start_again();
  if (++calls_ <= kWarmUp || status().state == State::kNotPossible) return false;
  if (calls_ == kWarmUp + 1) {
    fixed_.clear();
    for (size_t value = 0; value < given.size(); ++value)
      if (is_outside_[value]) fixed_.insert(storage_of(given[value]));
  }
  return true;
}

// Takes a part down, without doing any of it. False where that cannot be: `values` are then as before.
bool RecordingGraph::capture(size_t number, std::vector<at::Tensor>& values, uint64_t job) {
  const GraphPlan::Part& part = plan_.parts[number];
  const std::vector<at::Tensor> given = values;
  Captured made;
  made.backends = backends_in_force();
  std::vector<at::Tensor> in_place;
  std::optional<Failure> failure;
  attempt(failure, job, [&] {  // the memory of the device, perhaps
    made.graph = make_device_graph(plan_.device.type());
    CONTRASTIVE_CHECK(made.graph, kStateError, "nothing here makes graphs of this device");
    for (const size_t value : part.taken) {
      Taken taken{.value = value, .own = {}, .data = given[value].const_data_ptr()};
      if (fixed_.contains(storage_of(given[value])) || is_of_graph(given[value])) {
        in_place.push_back(given[value]);
      } else {
        const c10::NoGradGuard no_grad;
        taken.own = at::empty_like(given[value]);
        taken.own.copy_(given[value], /*non_blocking=*/true);
        values[value] = taken.own;
      }
      made.taken.push_back(std::move(taken));
    }
  });

  const Before before(in_place);
  std::vector<uint32_t> own_versions;
  for (const Taken& taken : made.taken) own_versions.push_back(taken.own.defined() ? version_of(taken.own) : 0);
  if (!failure) {
    const std::unique_lock held = hold_own_queue(plan_.device);
    attempt(failure, job, [&] { made.graph->begin(); });
    if (!failure) {
      attempt(failure, job, [&] {
        const CaptureScope scope(made.host);
        recording_.run_part(part.begin, part.end, values, job, [] {});
      });
      attempt(failure, job, [&] { made.graph->end(); });
    }
  }
  for (size_t i = 0; i < made.taken.size() && !failure; ++i)
    if (made.taken[i].own.defined() && version_of(made.taken[i].own) != own_versions[i])
      failure = Failure{"", "it changes an argument in place"};
  if (!failure && keeps_view_of_argument(part, made.taken, values))
    failure = Failure{"", "a view of an argument is used beside operations that change something"};
  if (failure) {
    before.restore_gradients();
    // Nothing was done: a copy that was given the version of its source does not have its values.
    for (const at::Tensor& tensor : before.changed()) tensor.unsafeGetTensorImpl()->bump_version();
    values = given;
    give_up(failure->message, failure->operation);
    return false;
  }

  made.written = before.changed();
  for (size_t i = 0; i < before.tensors.size(); ++i) {
    const at::Tensor& tensor = before.tensors[i];
    const at::Tensor gradient = has_gradient(tensor) ? tensor.grad() : at::Tensor();
    if (!gradient.is_same(before.gradients[i])) made.grads.emplace_back(tensor, gradient);
  }
  for (const size_t value : part.dropped)  // there may be one at another call
    if (!has_gradient(given[value])) made.grads.emplace_back(given[value], at::Tensor());
  for (const size_t value : part.kept) made.kept.push_back(values[value]);
  for (const Taken& taken : made.taken)
    if (taken.own.defined()) made.storages.push_back(storage_of(taken.own));
  for (const at::Tensor& tensor : made.kept)
    if (!fixed_.contains(storage_of(tensor))) made.storages.push_back(storage_of(tensor));
  values = given;
  captured_[number] = std::move(made);
  const std::lock_guard lock(mutex_);
  status_.state = State::kCaptured;
  return true;
}

// A view lies in the graph's own copy of the argument, and what another part changes in one of them does not reach the
// other.
bool RecordingGraph::keeps_view_of_argument(const GraphPlan::Part& part, const std::vector<Taken>& taken,
                                            const std::vector<at::Tensor>& values) const {
  if (plan_.parts.size() == 1 || !recording_.changes_something()) return false;
  return std::any_of(part.kept.begin(), part.kept.end(), [&](size_t value) {
    return std::any_of(taken.begin(), taken.end(), [&](const Taken& each) {
      return each.own.defined() && storage_of(each.own) == storage_of(values[value]);
    });
  });
}

// False where something else than an argument lies in another place than when it was taken down.
bool RecordingGraph::replay(size_t number, std::vector<at::Tensor>& values) {
  const GraphPlan::Part& part = plan_.parts[number];
  Captured& captured = *captured_[number];
  const c10::NoGradGuard no_grad;
  for (const Taken& taken : captured.taken)
    if (!taken.own.defined() && values[taken.value].const_data_ptr() != taken.data) {
      start_again();
      return false;
    }
  for (const Taken& taken : captured.taken)
    if (taken.own.defined()) at::Tensor(taken.own).copy_(values[taken.value], /*non_blocking=*/true);
  captured.graph->replay();
  for (const auto& [parameter, gradient] : captured.grads) parameter.mutable_grad() = gradient;
  for (const at::Tensor& tensor : captured.written) tensor.unsafeGetTensorImpl()->bump_version();
  for (size_t i = 0; i < part.kept.size(); ++i) values[part.kept[i]] = captured.kept[i];
  for (const size_t value : part.used_up) values[value].reset();
  return true;
}

// The next call overwrites what lies in a graph.
std::vector<at::Tensor> RecordingGraph::outputs_of(const std::vector<at::Tensor>& values) const {
  const c10::NoGradGuard no_grad;
  std::vector<at::Tensor> outputs;
  for (const size_t value : recording_.outputs())
    outputs.push_back(is_of_graph(values[value]) ? values[value].clone() : values[value]);
  return outputs;
}

bool RecordingGraph::is_of_graph(const at::Tensor& tensor) const {
  return std::any_of(captured_.begin(), captured_.end(), [&](const std::optional<Captured>& captured) {
    return captured && std::find(captured->storages.begin(), captured->storages.end(), storage_of(tensor)) !=
                           captured->storages.end();
  });
}

RecordingGraph::Backends RecordingGraph::backends_in_force() {
  const at::Context& context = at::globalContext();
  return {context.float32MatmulPrecision(), context.deterministicCuDNN()};
}

void RecordingGraph::start_again() {
  wasted_ = calls_ - kWarmUp < kWorthwhile ? wasted_ + 1 : 0;
  if (wasted_ == kMostWasted)
    return give_up("tensors from outside lie elsewhere, or their values have changed, every few calls");
  calls_ = 0;
  for (std::optional<Captured>& captured : captured_) captured.reset();
  const std::lock_guard lock(mutex_);
  status_.state = State::kWarmingUp;
}

void RecordingGraph::give_up(std::string reason, int64_t operation) {
  for (std::optional<Captured>& captured : captured_) captured.reset();
  const std::lock_guard lock(mutex_);
  status_ = {State::kNotPossible, std::move(reason), operation};
}

}  // namespace contrastive
