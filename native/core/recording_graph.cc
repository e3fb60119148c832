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

// Undefined where there is none.
at::Tensor gradient_of(const at::Tensor& tensor) {
  return tensor.requires_grad() && tensor.is_leaf() ? tensor.grad() : at::Tensor();
}

// What tells of tensors, and of gradients that they have, whether they were changed.
struct Before {
  explicit Before(const std::vector<at::Tensor>& tensors) : tensors(tensors) {
    for (const at::Tensor& tensor : tensors) {
      gradients.push_back(gradient_of(tensor));
      note(tensor);
      if (gradients.back().defined()) note(gradients.back());
    }
  }

  std::vector<at::Tensor> changed() const {
    std::vector<at::Tensor> found;
    for (const auto& [tensor, version] : versions)
      if (version_of(tensor) != version) found.push_back(tensor);
    return found;
  }

  void restore_gradients() const {
    for (size_t i = 0; i < tensors.size(); ++i)
      if (tensors[i].requires_grad() && tensors[i].is_leaf()) tensors[i].mutable_grad() = gradients[i];
  }

  const std::vector<at::Tensor> tensors;
  std::vector<at::Tensor> gradients;

 private:
  void note(const at::Tensor& tensor) { versions.emplace_back(tensor, version_of(tensor)); }

  std::vector<std::pair<at::Tensor, uint32_t>> versions;
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
  const std::vector<at::Tensor> gradients = gradients_before(given);
  const auto is_as_it_was = [&](const Captured& captured) {
    return captured.backends == backends_in_force() &&
           std::all_of(captured.taken.begin(), captured.taken.end(),
                       [&](const Taken& taken) {
                         return !is_outside_[taken.value] || given[taken.value].const_data_ptr() == taken.data;
                       }) &&
           std::all_of(captured.host.unchanged.begin(), captured.host.unchanged.end(),
                       [](const auto& made_of) { return version_of(made_of.first) == made_of.second; });
  };
  const auto is_same = [](const at::Tensor& one, const at::Tensor& other) { return one.is_same(other); };
  const bool has_begun =
      std::any_of(captured_.begin(), captured_.end(), [](const auto& each) { return each.has_value(); });
  const bool is_usable =
      std::all_of(captured_.begin(), captured_.end(), [&](const auto& each) { return !each || is_as_it_was(*each); }) &&
      std::equal(gradients.begin(), gradients.end(), gradients_.begin(), gradients_.end(), is_same);
  if (has_begun && !is_usable) start_again();
  if (++calls_ <= kWarmUp || status().state == State::kNotPossible) return false;
  if (!has_begun) {
    gradients_ = gradients;
    fixed_.clear();
    for (size_t value = 0; value < given.size(); ++value)
      if (is_outside_[value]) fixed_.insert(storage_of(given[value]));
  }
  return true;
}

// Those that the recording adds to or uses, by value; a backward pass adds to them where they lie.
std::vector<at::Tensor> RecordingGraph::gradients_before(const std::vector<at::Tensor>& given) const {
  std::vector<at::Tensor> gradients(plan_.uses_gradients ? given.size() : 0);
  for (size_t value = 0; value < gradients.size(); ++value)
    if (is_outside_[value] && !plan_.is_cleared[value]) gradients[value] = gradient_of(given[value]);
  return gradients;
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
    const at::Tensor gradient = gradient_of(before.tensors[i]);
    if (!gradient.is_same(before.gradients[i])) made.grads.emplace_back(before.tensors[i], gradient);
  }
  for (const size_t value : part.dropped)  // there may be one at another call
    if (!gradient_of(given[value]).defined()) made.grads.emplace_back(given[value], at::Tensor());
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
    return give_up(
        "every few calls something changes: where tensors from outside or gradients lie, their values on the host, or "
        "what setBackends() set");
  calls_ = 0;
  let_go();
  const std::lock_guard lock(mutex_);
  status_.state = State::kWarmingUp;
}

void RecordingGraph::give_up(std::string reason, int64_t operation) {
  let_go();
  const std::lock_guard lock(mutex_);
  status_ = {State::kNotPossible, std::move(reason), operation};
}

void RecordingGraph::let_go() {
  gradients_.clear();
  for (std::optional<Captured>& captured : captured_) captured.reset();
}

}  // namespace contrastive
