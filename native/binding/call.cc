#include "binding/call.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "binding/convert.h"
#include "binding/errors.h"
#include "binding/state.h"
#include "binding/tensor_wrap.h"
#include "core/callable.h"
#include "core/device_streams.h"
#include "core/modes.h"

namespace contrastive::binding {
namespace {

// Takes the tensors from values, those in lists too.
template <typename Tensors>
Tensors tensors_of(Stack stack) {
  Tensors tensors;
  for (c10::IValue& value : stack) {
    if (value.isTensorList())
      for (const at::Tensor& tensor : value.toTensorVector()) tensors.push_back(tensor);
    if (value.isTensor()) tensors.push_back(std::move(value).toTensor());
  }
  return tensors;
}

std::vector<at::Tensor> results_of(Stack stack, const std::string& name) {
  for (const c10::IValue& value : stack)
    CONTRASTIVE_CHECK(value.isTensor() || value.isTensorList(), kNativeError, name,
                      " returns something that is not a tensor");
  return tensors_of<std::vector<at::Tensor>>(std::move(stack));
}

}  // namespace

c10::SmallVector<ResultTwin, 1> result_twins(const Callable& callable, Arguments& arguments, const Modes& modes) {
  c10::SmallVector<ResultTwin, 1> results;
  Stack twins;
  std::optional<at::ScalarType> cast;
  if (modes.autocast) cast = callable.autocast_dtype(arguments.device().type(), *modes.autocast);
  if (arguments.twins(twins, cast)) {
    const c10::AutoGradMode grad(modes.grad);
    const auto inputs = tensors_of<c10::SmallVector<at::Tensor, 4>>(twins);
    try {
      callable.call(twins);
      for (at::Tensor& twin : results_of(std::move(twins), callable.schema().name())) {
        // Views, in-place operations and no-ops such as contiguous() hand on the memory of an argument.
        const bool alias = std::any_of(inputs.begin(), inputs.end(), [&](const at::Tensor& input) {
          return input.is_meta() && twin.is_alias_of(input);
        });
        results.push_back({std::move(twin), alias});
      }
      return results;
    } catch (const c10::NotImplementedError&) {  // NOLINT(bugprone-empty-catch): no error
      // The shape of the result depends on data (nonzero, masked_select): known once the job has run.
    }
  }
  for (const c10::Argument& result : callable.schema().returns()) {
    CONTRASTIVE_CHECK(result.type()->kind() == c10::TypeKind::TensorType, kStateError, callable.schema().name(),
                      ": the number of results depends on data; `await ready()` on its arguments first");
    results.push_back({at::Tensor(), false});
  }
  return results;
}

Napi::Value wrap_results(Napi::Env env, const Callable& callable, const Slots& slots) {
  const auto& returns = callable.schema().returns();
  if (returns.empty()) return env.Undefined();
  if (returns.size() == 1 && returns[0].type()->kind() == c10::TypeKind::TensorType) return wrap(env, slots[0]);
  Napi::Array handles = Napi::Array::New(env, slots.size());
  for (uint32_t i = 0; i < slots.size(); ++i) handles.Set(i, wrap(env, slots[i]));
  return handles;
}

namespace {

// resolve(name) -> an opaque reference for call()
Napi::Value resolve(const Napi::CallbackInfo& info) {
  // Owns nothing: callables live as long as the process.
  return CallableHandle::make(info.Env(), {std::shared_ptr<void>(), &Callable::find(to_string(info[0], "name"))});
}

// call(reference, args, flags, job) -> a tensor handle, or an array of them; undefined from what only changes something
Napi::Value call(const Napi::CallbackInfo& info) {
  const Callable& callable = *CallableHandle::get(info[0], "reference");
  Arguments arguments(callable.schema(), info[1].As<Napi::Array>());
  const uint32_t flags = flags_at(info, 2);
  const uint64_t job = job_at(info, 3);
  const Modes modes = Modes::from_flags(flags);
  Slots slots;
  for (ResultTwin& result : result_twins(callable, arguments, modes))
    slots.push_back(std::make_shared<Slot>(std::move(result.twin), arguments.device(), result.is_alias));

  State& state = State::of(info.Env());
  const auto run = [&callable, &state, flags, job, modes](const Arguments& arguments) {
    try {
      const ModeGuard guard(modes, arguments.device().type());
      Stack stack = arguments.resolve();
      callable.call(stack);
      settle_launches();
      if (callable.changes_something()) arguments.note_changes();
      return results_of(std::move(stack), callable.schema().name());
    } catch (...) {
      // What it was to change, others look at who do not wait for its result.
      if (callable.changes_something()) state.note_effect_failure(flags, job);
      throw;
    }
  };
  Stream& stream = state.stream(flags);
  stream.enqueue(
      make_job([run, arguments = std::move(arguments), promises = Promises(slots, job, stream.progress())]() mutable {
        promises.settle([&] { return run(arguments); });
      }));
  return wrap_results(info.Env(), callable, slots);
}

// schema(name) -> libtorch's schema string, from which scripts/generate-ops makes the typed functions
Napi::Value schema(const Napi::CallbackInfo& info) {
  std::ostringstream text;
  text << Callable::find(to_string(info[0], "name")).schema();
  return Napi::String::New(info.Env(), text.str());
}

// ownOps() -> the names in our op table
Napi::Value own_ops(const Napi::CallbackInfo& info) {
  Napi::Array names = Napi::Array::New(info.Env());
  for (const std::string& name : Callable::own_names()) names.Set(names.Length(), name);
  return names;
}

}  // namespace

void export_call(Napi::Env env, Napi::Object exports) {
  exports.Set("resolve", Napi::Function::New<guarded<resolve>>(env));
  exports.Set("call", Napi::Function::New<guarded<call>>(env));
  exports.Set("schema", Napi::Function::New<guarded<schema>>(env));
  exports.Set("ownOps", Napi::Function::New<guarded<own_ops>>(env));
}

}  // namespace contrastive::binding
