#include "binding/train_wrap.h"

#include <ATen/ATen.h>

#include <utility>
#include <vector>

#include "binding/call.h"
#include "binding/convert.h"
#include "binding/errors.h"
#include "binding/module_wrap.h"
#include "binding/optimizer_wrap.h"
#include "binding/state.h"
#include "binding/tensor_wrap.h"
#include "core/modes.h"

namespace contrastive::binding {
namespace {

using StepHandle = Handle<Later<train::TrainStep>>;
using UpdateHandle = Handle<Later<train::Update>>;
using MomentumHandle = Handle<Later<train::MomentumEncoder>>;

Napi::Value to_object(Napi::Env env, const train::StepOutput& output) {
  Napi::Object result = Napi::Object::New(env);
  result.Set("loss", output.loss);
  if (output.refused) result.Set("refused", output.refused);
  if (output.valid_anchors) result.Set("validAnchors", static_cast<double>(*output.valid_anchors));
  if (output.metrics.empty()) return result;
  Napi::Array metrics = Napi::Array::New(env, output.metrics.size());
  for (uint32_t i = 0; i < output.metrics.size(); ++i) metrics.Set(i, output.metrics[i]);
  result.Set("metrics", metrics);
  return result;
}

// The encoder at info[i] and, where it is not undefined, the head behind it.
train::Network to_network(const Napi::CallbackInfo& info, size_t i) {
  train::Network network{ModuleHandle::get(info[i], "encoder"), nullptr};
  if (!info[i + 1].IsUndefined()) network.head = ModuleHandle::get(info[i + 1], "head");
  return network;
}

// Made by a job: it looks at modules that earlier jobs may still move.
template <typename T, typename Make>
std::shared_ptr<Later<T>> later(Make make) {
  return std::make_shared<Later<T>>([make = std::move(make)] { return std::make_shared<T>(make()); });
}

// makeMomentumEncoder(encoder, head | undefined, keyEncoder, keyHead | undefined, queueSize, withStatistics, symmetric)
//   -> a momentum encoder
Napi::Value make_momentum_encoder(const Napi::CallbackInfo& info) {
  const train::MomentumOptions options{.queue_size = info[4].As<Napi::Number>().Int64Value(),
                                       .with_statistics = info[5].ToBoolean(),
                                       .symmetric = info[6].ToBoolean()};
  return MomentumHandle::make(
      info.Env(), later<train::MomentumEncoder>([queries = to_network(info, 0), keys = to_network(info, 2), options] {
        return train::MomentumEncoder(queries, keys, options);
      }));
}

// momentumQueue(momentum, queueSize, dim, device, flags, job) -> { features, labels, ids, pushed }: tensor handles;
// live
Napi::Value momentum_queue(const Napi::CallbackInfo& info) {
  std::shared_ptr<Later<train::MomentumEncoder>> momentum = MomentumHandle::get(info[0], "momentum");
  const int64_t size = info[1].As<Napi::Number>().Int64Value(), dim = info[2].As<Napi::Number>().Int64Value();
  const at::Device device = to_device(info[3], "device");
  Napi::Object result = Napi::Object::New(info.Env());
  std::vector<SlotPtr> slots;
  for (const auto& [name, twin] : train::KeyQueue(size, dim, at::kMeta).state()) {
    slots.push_back(std::make_shared<Slot>(twin_of(twin), name == "pushed" ? at::kCPU : device));
    result.Set(name, wrap(info.Env(), slots.back()));
  }
  State::of(info.Env())
      .stream(flags_at(info, 4))
      .enqueue(make_job([momentum, promises = Promises(std::move(slots), job_at(info, 5))]() mutable {
        promises.settle([&] {
          std::vector<at::Tensor> values;
          for (const NamedTensor& entry : momentum->get()->queue().state()) values.push_back(entry.tensor);
          return values;
        });
      }));
  return result;
}

// momentumFollow(momentum, m, flags, job)
Napi::Value momentum_follow(const Napi::CallbackInfo& info) {
  std::shared_ptr<Later<train::MomentumEncoder>> momentum = MomentumHandle::get(info[0], "momentum");
  const double m = info[1].As<Napi::Number>().DoubleValue();
  State::of(info.Env()).effect(flags_at(info, 2), job_at(info, 3), [momentum, m] { momentum->get()->follow(m); });
  return info.Env().Undefined();
}

// momentumRemember(momentum, keys, labels | undefined, ids, flags, job)
Napi::Value momentum_remember(const Napi::CallbackInfo& info) {
  std::shared_ptr<Later<train::MomentumEncoder>> momentum = MomentumHandle::get(info[0], "momentum");
  SlotPtr keys = TensorHandle::get(info[1], "keys"), ids = TensorHandle::get(info[3], "ids"), labels;
  if (!info[2].IsUndefined()) labels = TensorHandle::get(info[2], "labels");
  State::of(info.Env()).effect(flags_at(info, 4), job_at(info, 5), [momentum, keys, labels, ids] {
    momentum->get()->remember(keys->value(), /*normalize=*/true, labels ? std::optional(labels->value()) : std::nullopt,
                              ids->value());
  });
  return info.Env().Undefined();
}

// momentumDispose(momentum) -> whether it was alive
Napi::Value momentum_dispose(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), MomentumHandle::dispose(info.Env(), info[0]));
}

// makeUpdate(modules[], optimizer) -> an update
Napi::Value make_update(const Napi::CallbackInfo& info) {
  const auto handles = info[0].As<Napi::Array>();
  std::vector<std::shared_ptr<models::Module>> modules;
  for (uint32_t i = 0; i < handles.Length(); ++i) modules.push_back(ModuleHandle::get(handles.Get(i), "modules"));
  return UpdateHandle::make(info.Env(), later<train::Update>([modules = std::move(modules),
                                                              optimizer = OptimizerHandle::get(info[1], "optimizer")] {
                              return train::Update(modules, optimizer->get());
                            }));
}

// updateBegin(update, flags, job)
Napi::Value update_begin(const Napi::CallbackInfo& info) {
  std::shared_ptr<Later<train::Update>> update = UpdateHandle::get(info[0], "update");
  State::of(info.Env()).effect(flags_at(info, 1), job_at(info, 2), [update] { update->get()->begin(); });
  return info.Env().Undefined();
}

// updateUndo(update, flags, job)
Napi::Value update_undo(const Napi::CallbackInfo& info) {
  std::shared_ptr<Later<train::Update>> update = UpdateHandle::get(info[0], "update");
  State::of(info.Env()).effect(flags_at(info, 1), job_at(info, 2), [update] { update->get()->undo(); });
  return info.Env().Undefined();
}

// updateFinish(update, learningRate, features, flags, job) -> Promise<what was not finite, or undefined>; rejects with
// the failure of a job before it (a backward()), and undoes
Napi::Value update_finish(const Napi::CallbackInfo& info) {
  State& state = State::of(info.Env());
  std::shared_ptr<Later<train::Update>> update = UpdateHandle::get(info[0], "update");
  const double learning_rate = info[1].As<Napi::Number>().DoubleValue();
  SlotPtr features = TensorHandle::get(info[2], "features");
  const uint32_t flags = flags_at(info, 3);
  Stream& stream = state.stream(flags);
  auto [promise, settler] = state.promise();
  stream.enqueue(make_job([update, learning_rate, features = std::move(features), flags, job = job_at(info, 4), &state,
                           settler = settler]() mutable {
    try {
      const std::shared_ptr<train::Update> own = update->get();
      try {
        state.throw_effect_failure(flags);
        const char* refused = own->finish(learning_rate, {features->value().detach()});
        features.reset();
        settler.resolve([refused](Napi::Env env) {
          return refused ? Napi::Value(Napi::String::New(env, refused)) : env.Undefined();
        });
      } catch (...) {
        own->undo();
        throw;
      }
    } catch (...) {
      settler.reject(describe(std::current_exception(), job));
    }
  }));
  return promise;
}

// makeTrainStep(encoder, head | undefined, optimizer, momentum | undefined) -> a step
Napi::Value make_train_step(const Napi::CallbackInfo& info) {
  std::shared_ptr<Later<train::MomentumEncoder>> momentum;
  if (!info[3].IsUndefined()) momentum = MomentumHandle::get(info[3], "momentum");
  return StepHandle::make(info.Env(),
                          later<train::TrainStep>([network = to_network(info, 0),
                                                   optimizer = OptimizerHandle::get(info[2], "optimizer"), momentum] {
                            return train::TrainStep(network, optimizer->get(), momentum ? momentum->get() : nullptr);
                          }));
}

// trainStep(step, images[], viewOrder, loss, lossArguments, metrics, metricsLabels | undefined, learningRate,
// keyMomentum, flags, job)
//   -> Promise<{ loss, validAnchors?, metrics?, refused? }>
// `lossArguments` are those of the loss in schema order; the first, its features, is the step's to fill.
Napi::Value train_step(const Napi::CallbackInfo& info) {
  State& state = State::of(info.Env());
  std::shared_ptr<Later<train::TrainStep>> step = StepHandle::get(info[0], "step");
  const auto handles = info[1].As<Napi::Array>();
  std::vector<SlotPtr> images;
  images.reserve(handles.Length());
  for (uint32_t i = 0; i < handles.Length(); ++i) images.push_back(TensorHandle::get(handles.Get(i), "images"));
  std::vector<int64_t> view_order = to_ints(info[2], "viewOrder");
  const Callable& loss = *CallableHandle::get(info[3], "loss");
  Arguments arguments(loss.schema(), info[4].As<Napi::Array>(), 1);
  const bool metrics = info[5].ToBoolean();
  SlotPtr labels;
  if (!info[6].IsUndefined()) labels = TensorHandle::get(info[6], "metricsLabels");
  const double learning_rate = info[7].As<Napi::Number>().DoubleValue();
  const double key_momentum = info[8].As<Napi::Number>().DoubleValue();
  const uint32_t flags = flags_at(info, 9);
  const uint64_t job = job_at(info, 10);

  Stream& stream = state.stream(flags);
  auto [promise, settler] = state.promise();
  stream.enqueue(make_job([step, images = std::move(images), view_order = std::move(view_order), &loss,
                           arguments = std::move(arguments), metrics, labels, learning_rate, key_momentum, flags, job,
                           settler = settler]() mutable {
    try {
      train::StepInput input{.images = {},
                             .view_order = std::move(view_order),
                             .loss = &loss,
                             .loss_arguments = arguments.resolve(),
                             .metrics = metrics,
                             .metrics_labels = std::nullopt,
                             .learning_rate = learning_rate,
                             .key_momentum = key_momentum,
                             .autocast = Modes::from_flags(flags).autocast};
      for (const SlotPtr& slot : images) input.images.push_back(slot->value());
      if (labels) input.metrics_labels = labels->value();
      const train::StepOutput output = step->get()->run(std::move(input));
      settler.resolve([output](Napi::Env env) { return to_object(env, output); });
    } catch (...) {
      settler.reject(describe(std::current_exception(), job));
    }
  }));
  return promise;
}

}  // namespace

void export_train(Napi::Env env, Napi::Object exports) {
  exports.Set("makeMomentumEncoder", Napi::Function::New<guarded<make_momentum_encoder>>(env));
  exports.Set("momentumQueue", Napi::Function::New<guarded<momentum_queue>>(env));
  exports.Set("momentumFollow", Napi::Function::New<guarded<momentum_follow>>(env));
  exports.Set("momentumRemember", Napi::Function::New<guarded<momentum_remember>>(env));
  exports.Set("momentumDispose", Napi::Function::New<guarded<momentum_dispose>>(env));
  exports.Set("makeUpdate", Napi::Function::New<guarded<make_update>>(env));
  exports.Set("updateBegin", Napi::Function::New<guarded<update_begin>>(env));
  exports.Set("updateUndo", Napi::Function::New<guarded<update_undo>>(env));
  exports.Set("updateFinish", Napi::Function::New<guarded<update_finish>>(env));
  exports.Set("makeTrainStep", Napi::Function::New<guarded<make_train_step>>(env));
  exports.Set("trainStep", Napi::Function::New<guarded<train_step>>(env));
}

}  // namespace contrastive::binding
