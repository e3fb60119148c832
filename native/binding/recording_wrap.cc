#include "binding/recording_wrap.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "binding/call.h"
#include "binding/convert.h"
#include "binding/errors.h"
#include "binding/handle.h"
#include "binding/state.h"
#include "binding/tensor_wrap.h"
#include "core/recording.h"
#include "core/recording_graph.h"

namespace contrastive::binding {

namespace {

// The operations of a function while it runs on twins. Values are numbered as they come: inputs, tensors from outside,
// results.
struct Recorder {
  std::vector<Recording::Operation> operations;
  std::vector<SlotPtr> slots;  // by value
  std::unordered_map<const Slot*, size_t> values;
  std::vector<size_t> inputs, captured;

  size_t add(const SlotPtr& slot) {
    const size_t value = slots.size();
    slots.push_back(slot);
    values.emplace(slot.get(), value);
    return value;
  }

  // Made by one of the operations.
  bool is_result(const SlotPtr& slot) const {
    const auto found = values.find(slot.get());
    if (found == values.end()) return false;
    const auto in = [&](const std::vector<size_t>& list) {
      return std::find(list.begin(), list.end(), found->second) != list.end();
    };
    return !in(inputs) && !in(captured);
  }

  // A tensor that the recording neither was given nor made is captured: what it holds is read at replay.
  size_t value_of(const SlotPtr& slot) {
    const auto found = values.find(slot.get());
    if (found != values.end()) return found->second;
    CONTRASTIVE_CHECK(!slot->is_recorded(), kStateError, "a tensor of one recording cannot be used in another");
    captured.push_back(add(slot));
    return captured.back();
  }
};

struct FinishedRecording {
  FinishedRecording(Recorder recorder, std::vector<size_t> outputs)
      : slots(std::move(recorder.slots)),
        inputs(std::move(recorder.inputs)),
        captured(std::move(recorder.captured)),
        recording(slots.size(), std::move(recorder.operations), std::move(outputs)) {
    for (const SlotPtr& slot : slots) {
      const at::Tensor& twin = slot->twin();
      const bool differentiable = twin.defined() && twin.requires_grad();
      kinds.push_back({slot->device(), twin.defined(), false, differentiable});
    }
    for (const size_t value : captured) {
      kinds[value].is_outside = true;
      if (kinds[value].is_differentiable && slots[value]->twin().is_leaf()) kinds[value].is_differentiable = false;
    }
    std::vector<bool> is_needed(slots.size());
    for (const std::vector<size_t>* list : {&std::as_const(captured), &recording.outputs()})
      for (const size_t value : *list) is_needed[value] = true;
    for (size_t value = 0; value < slots.size(); ++value)
      if (!is_needed[value]) slots[value] = described(*slots[value]);
    for (const size_t value : captured) requires_grad.push_back(requires_gradient(value));
  }

  // What tells shape, dtype and device, and holds no graph of twins.
  static SlotPtr described(Slot& slot) {
    const at::Tensor& twin = slot.twin();
    return Slot::recorded(twin.defined() ? twin.detach() : twin, slot.device());
  }

  bool requires_gradient(size_t value) const {
    const at::Tensor& twin = slots[value]->twin();
    return twin.defined() && twin.requires_grad();
  }

  // Whether captured tensors require gradients as they did.
  bool fits() const {
    for (size_t i = 0; i < captured.size(); ++i)
      if (requires_grad[i] != requires_gradient(captured[i])) return false;
    return true;
  }

  std::vector<at::Tensor> run(std::vector<at::Tensor> values, uint64_t job, const std::function<void()>& check) {
    return graph ? graph->run(std::move(values), job, check) : recording.run(std::move(values), job, check);
  }

  std::vector<SlotPtr> slots;  // by value
  std::vector<size_t> inputs, captured;
  std::vector<ValueKind> kinds;     // by value
  std::vector<bool> requires_grad;  // as captured
  Recording recording;
  std::optional<RecordingGraph> graph;
};

}  // namespace

template <>
struct HandleTraits<Recorder> {
  static constexpr const char* kName = "recorder";
};
template <>
struct HandleTraits<FinishedRecording> {
  static constexpr const char* kName = "recording";
};
template <>
struct HandleTraits<std::atomic<bool>> {
  static constexpr const char* kName = "abort flag";
};

namespace {

using RecorderHandle = Handle<Recorder>;
using RecordingHandle = Handle<FinishedRecording>;
using AbortFlagHandle = Handle<std::atomic<bool>>;

// A twin like that of a result, with no ties to it: what is done to the one leaves the other as it is.
at::Tensor twin_again(const at::Tensor& twin) {
  if (!twin.defined()) return twin;
  at::Tensor own = at::empty_strided(twin.sizes(), twin.strides(), twin.options());
  const c10::AutoGradMode grad(true);
  return twin.requires_grad() ? own.set_requires_grad(true).clone() : own;  // through an operation: no leaf
}

// What an operation that changes something finds outside of the recording, and whether it needed a gradient then.
class Outside {
 public:
  Outside(const Recorder& recorder, const Callable& callable, const Arguments& arguments) {
    if (!callable.changes_something()) return;
    arguments.operands([&](const SlotPtr& slot) {
      if (!recorder.is_result(slot) && slot->twin().defined()) slots_.emplace_back(slot, slot->twin().requires_grad());
      return size_t{0};
    });
  }

  // Shapes apart, a twin changes when the function is recorded, and not when it runs.
  void check(const Callable& callable) const {
    for (const auto& [slot, before] : slots_) {
      at::Tensor twin = slot->twin();
      if (twin.requires_grad() == before) continue;
      if (before)
        twin.set_requires_grad(true);
      else
        twin.detach_();
      throw Error(kStateError, message(callable.schema().name(),
                                       ": a recorded function must not change whether a tensor from outside needs a "
                                       "gradient; do it before, or change values under noGrad()"));
    }
  }

 private:
  std::vector<std::pair<SlotPtr, bool>> slots_;
};

Napi::Array from_values(Napi::Env env, const std::vector<size_t>& values) {
  Napi::Array array = Napi::Array::New(env, values.size());
  for (uint32_t i = 0; i < values.size(); ++i) array.Set(i, static_cast<double>(values[i]));
  return array;
}

// makeRecorder() -> a recorder
Napi::Value make_recorder(const Napi::CallbackInfo& info) {
  return RecorderHandle::make(info.Env(), std::make_shared<Recorder>());
}

// recordInput(recorder, tensor) -> a handle that stands for what is given in its place at replay
Napi::Value record_input(const Napi::CallbackInfo& info) {
  Recorder& recorder = *RecorderHandle::get(info[0], "recorder");
  Slot& like = *TensorHandle::get(info[1], "tensor");
  const at::Tensor& twin = like.twin();
  CONTRASTIVE_CHECK(twin.defined(), kStateError,
                    "an input's shape depends on data that is not computed yet; `await ready()` on it first");
  at::Tensor own = twin_of(twin);
  if (twin.requires_grad() && !twin.is_leaf()) own = twin_again(own);
  SlotPtr slot = Slot::recorded(std::move(own), like.device());
  recorder.inputs.push_back(recorder.add(slot));
  return wrap(info.Env(), std::move(slot));
}

// record(recorder, reference, args, flags) -> [handles as call() gives them, the values of the arguments that are
// tensors, those of the results, whether a result lies in the memory of an argument]
Napi::Value record(const Napi::CallbackInfo& info) {
  Recorder& recorder = *RecorderHandle::get(info[0], "recorder");
  const Callable& callable = *CallableHandle::get(info[1], "reference");
  Arguments arguments(callable.schema(), info[2].As<Napi::Array>());
  const Modes modes = Modes::from_flags(flags_at(info, 3));
  const Outside outside(recorder, callable, arguments);
  auto twins = result_twins(callable, arguments, modes);
  outside.check(callable);

  std::vector<size_t> taken, made;
  std::vector<Recording::Operand> operands = arguments.operands([&](const SlotPtr& slot) {
    taken.push_back(recorder.value_of(slot));
    return taken.back();
  });
  for (const Recording::Operand& operand : operands)
    CONTRASTIVE_CHECK(
        !operand.constant.isGenerator(), kStateError, callable.schema().name(),
        ": a Generator gives other numbers at each call, which a recording cannot; use randomKey() inside");
  Slots slots;
  bool shares_memory = false;
  for (ResultTwin& twin : twins) {
    shares_memory |= twin.is_alias;
    slots.push_back(Slot::recorded(std::move(twin.twin), arguments.device(), twin.is_alias));
    made.push_back(recorder.add(slots.back()));
  }
  recorder.operations.push_back({&callable, std::move(operands), made, modes, arguments.device().type()});

  Napi::Array result = Napi::Array::New(info.Env(), 4);
  result.Set(0u, wrap_results(info.Env(), callable, slots));
  result.Set(1u, from_values(info.Env(), taken));
  result.Set(2u, from_values(info.Env(), made));
  result.Set(3u, shares_memory);
  return result;
}

// finishRecorder(recorder, outputs[]) -> { recording, inputs, outputs, captured: values }
Napi::Value finish_recorder(const Napi::CallbackInfo& info) {
  const std::shared_ptr<Recorder> recorder = RecorderHandle::get(info[0], "recorder");
  const auto handles = info[1].As<Napi::Array>();
  std::vector<size_t> outputs;
  for (uint32_t i = 0; i < handles.Length(); ++i)
    outputs.push_back(recorder->value_of(TensorHandle::get(handles.Get(i), "output")));
  RecorderHandle::dispose(info.Env(), info[0]);
  auto finished = std::make_shared<FinishedRecording>(std::move(*recorder), outputs);

  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("inputs", from_values(info.Env(), finished->inputs));
  result.Set("outputs", from_values(info.Env(), outputs));
  result.Set("captured", from_values(info.Env(), finished->captured));
  result.Set("recording", RecordingHandle::make(info.Env(), std::move(finished)));
  return result;
}

// replay(recording, inputs[], abort | undefined, flags, job) -> a handle an output
Napi::Value replay(const Napi::CallbackInfo& info) {
  std::shared_ptr<FinishedRecording> finished = RecordingHandle::get(info[0], "recording");
  const auto handles = info[1].As<Napi::Array>();
  CONTRASTIVE_CHECK(handles.Length() == finished->inputs.size(), kNativeError, "a recording of ",
                    finished->inputs.size(), " inputs was given ", handles.Length());
  std::vector<SlotPtr> given(finished->recording.value_count());
  for (uint32_t i = 0; i < handles.Length(); ++i)
    given[finished->inputs[i]] = TensorHandle::get(handles.Get(i), "input");
  for (const size_t value : finished->captured) given[value] = finished->slots[value];
  std::shared_ptr<std::atomic<bool>> abort;
  if (!info[2].IsUndefined()) abort = AbortFlagHandle::get(info[2], "abort");
  const uint32_t flags = flags_at(info, 3);
  const uint64_t job = job_at(info, 4);
  State& state = State::of(info.Env());

  // An output that was given is that very tensor, but where it is changed before: then it is promised, as the others.
  const bool changes = finished->recording.changes_something();
  Slots outputs, promised;
  std::vector<size_t> places;
  for (const size_t value : finished->recording.outputs()) {
    const SlotPtr& known = given[value];
    if (known && !changes) {
      outputs.push_back(known);
      continue;
    }
    Slot& like = known ? *known : *finished->slots[value];
    outputs.push_back(known ? std::make_shared<Slot>(like.twin(), like.device(), /*alias=*/true)
                            : std::make_shared<Slot>(twin_again(like.twin()), like.device(), like.is_alias()));
    places.push_back(outputs.size() - 1);
    promised.push_back(outputs.back());
  }
  const bool is_heard = !promised.empty();  // by who waits for a result
  const auto run = [finished = std::move(finished), abort = std::move(abort), changes, is_heard, flags, job,
                    &state](std::vector<SlotPtr>& given) {
    try {
      std::vector<at::Tensor> values(given.size());
      for (size_t i = 0; i < given.size(); ++i)
        if (given[i]) values[i] = given[i]->value();
      given.clear();  // an input that nobody else holds is free after its last use
      std::vector<at::Tensor> results = finished->run(std::move(values), job, [&] {
        CONTRASTIVE_CHECK(!state.closing(), kAbortedError, "the runtime was closed while this ran");
        CONTRASTIVE_CHECK(!abort || !*abort, kAbortedError, "the signal was aborted");
      });
      if (changes)
        for (const size_t value : finished->captured) finished->slots[value]->note_change();
      return results;
    } catch (const Error&) {  // an abort, which others have not asked for
      if (!is_heard) state.note_effect_failure(flags, job);
      throw;
    } catch (...) {
      if (changes) state.note_effect_failure(flags, job);
      throw;
    }
  };
  Stream& stream = state.stream(flags);
  stream.enqueue(make_job([run, given = std::move(given), places = std::move(places),
                           promises = Promises(std::move(promised), job, stream.progress())]() mutable {
    promises.settle([&] {
      std::vector<at::Tensor> all = run(given), results;
      for (const size_t place : places) results.push_back(std::move(all[place]));
      return results;
    });
  }));
  Napi::Array result = Napi::Array::New(info.Env(), outputs.size());
  for (uint32_t i = 0; i < outputs.size(); ++i) result.Set(i, wrap(info.Env(), outputs[i]));
  return result;
}

// recordingCaptured(recording) -> a handle of each captured tensor. Their memory is counted where they come from.
Napi::Value recording_captured(const Napi::CallbackInfo& info) {
  const FinishedRecording& finished = *RecordingHandle::get(info[0], "recording");
  Napi::Array handles = Napi::Array::New(info.Env(), finished.captured.size());
  for (uint32_t i = 0; i < finished.captured.size(); ++i)
    handles.Set(i, TensorHandle::make(info.Env(), finished.slots[finished.captured[i]]));
  return handles;
}

// recordingDescribe(recording, value) -> as describe() of a tensor
Napi::Value recording_describe(const Napi::CallbackInfo& info) {
  const FinishedRecording& finished = *RecordingHandle::get(info[0], "recording");
  const uint32_t value = info[1].As<Napi::Number>().Uint32Value();
  CONTRASTIVE_CHECK(value < finished.slots.size(), kNativeError, "a recording has no value ", value);
  return description_of(info.Env(), *finished.slots[value]);
}

// recordingValue(recording, tensor) -> the value of a captured tensor, or undefined
Napi::Value recording_value(const Napi::CallbackInfo& info) {
  const FinishedRecording& finished = *RecordingHandle::get(info[0], "recording");
  const SlotPtr& slot = TensorHandle::get(info[1], "tensor");
  for (const size_t value : finished.captured)
    if (finished.slots[value] == slot) return Napi::Number::New(info.Env(), static_cast<double>(value));
  return info.Env().Undefined();
}

// recordingFits(recording) -> whether captured tensors require gradients as they did
Napi::Value recording_fits(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), RecordingHandle::get(info[0], "recording")->fits());
}

// recordingUseGraph(recording): before its first replay
Napi::Value recording_use_graph(const Napi::CallbackInfo& info) {
  FinishedRecording& finished = *RecordingHandle::get(info[0], "recording");
  finished.graph.emplace(finished.recording, finished.kinds);
  return info.Env().Undefined();
}

// recordingGraph(recording) -> [state, reason, its operation], or undefined where no graph was asked for
Napi::Value recording_graph(const Napi::CallbackInfo& info) {
  const FinishedRecording& finished = *RecordingHandle::get(info[0], "recording");
  if (!finished.graph) return info.Env().Undefined();
  constexpr std::array<const char*, 3> kStates = {"warming up", "captured", "not possible"};
  const RecordingGraph::Status status = finished.graph->status();
  Napi::Array result = Napi::Array::New(info.Env(), 3);
  result.Set(0u, kStates.at(static_cast<size_t>(status.state)));
  result.Set(1u, status.reason);
  result.Set(2u, static_cast<double>(status.operation));
  return result;
}

// recordingDispose(recording) -> whether it was alive
Napi::Value recording_dispose(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), RecordingHandle::dispose(info.Env(), info[0]));
}

// makeAbortFlag() -> a flag that a replay looks at between operations
Napi::Value make_abort_flag(const Napi::CallbackInfo& info) {
  return AbortFlagHandle::make(info.Env(), std::make_shared<std::atomic<bool>>(false));
}

// raiseAbortFlag(flag)
Napi::Value raise_abort_flag(const Napi::CallbackInfo& info) {
  *AbortFlagHandle::get(info[0], "flag") = true;
  return info.Env().Undefined();
}

// signature(tensors[]) -> what of them a recording depends on, as text
Napi::Value signature(const Napi::CallbackInfo& info) {
  const auto handles = info[0].As<Napi::Array>();
  std::string text;
  for (uint32_t i = 0; i < handles.Length(); ++i) {
    Slot& slot = *TensorHandle::get(handles.Get(i), "tensor");
    const at::Tensor& twin = slot.twin();
    CONTRASTIVE_CHECK(twin.defined(), kStateError,
                      "an input's shape depends on data that is not computed yet; `await ready()` on it first");
    text += dtype_name(twin.scalar_type());
    text += '[';
    for (const int64_t size : twin.sizes()) text += std::to_string(size) + ',';
    text += ']';
    if (!slot.device().is_cpu()) text += device_name(slot.device());
    if (twin.requires_grad()) text += twin.is_leaf() ? " leaf" : " grad";
    text += ';';
  }
  return Napi::String::New(info.Env(), text);
}

}  // namespace

void export_recording(Napi::Env env, Napi::Object exports) {
  exports.Set("makeRecorder", Napi::Function::New<guarded<make_recorder>>(env));
  exports.Set("recordInput", Napi::Function::New<guarded<record_input>>(env));
  exports.Set("record", Napi::Function::New<guarded<record>>(env));
  exports.Set("finishRecorder", Napi::Function::New<guarded<finish_recorder>>(env));
  exports.Set("replay", Napi::Function::New<guarded<replay>>(env));
  exports.Set("recordingCaptured", Napi::Function::New<guarded<recording_captured>>(env));
  exports.Set("recordingDescribe", Napi::Function::New<guarded<recording_describe>>(env));
  exports.Set("recordingValue", Napi::Function::New<guarded<recording_value>>(env));
  exports.Set("recordingFits", Napi::Function::New<guarded<recording_fits>>(env));
  exports.Set("recordingUseGraph", Napi::Function::New<guarded<recording_use_graph>>(env));
  exports.Set("recordingGraph", Napi::Function::New<guarded<recording_graph>>(env));
  exports.Set("recordingDispose", Napi::Function::New<guarded<recording_dispose>>(env));
  exports.Set("makeAbortFlag", Napi::Function::New<guarded<make_abort_flag>>(env));
  exports.Set("raiseAbortFlag", Napi::Function::New<guarded<raise_abort_flag>>(env));
  exports.Set("signature", Napi::Function::New<guarded<signature>>(env));
}

}  // namespace contrastive::binding
