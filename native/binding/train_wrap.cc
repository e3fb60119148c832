#include "binding/train_wrap.h"

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

using StepHandle = Handle<train::TrainStep>;

Napi::Value to_object(Napi::Env env, const train::StepOutput& output) {
  Napi::Object result = Napi::Object::New(env);
  result.Set("loss", output.loss);
  if (output.valid_anchors) result.Set("validAnchors", static_cast<double>(*output.valid_anchors));
  if (output.metrics.empty()) return result;
  Napi::Array metrics = Napi::Array::New(env, output.metrics.size());
  for (uint32_t i = 0; i < output.metrics.size(); ++i) metrics.Set(i, output.metrics[i]);
  result.Set("metrics", metrics);
  return result;
}

// makeTrainStep(encoder, head | undefined, optimizer) -> a step
Napi::Value make_train_step(const Napi::CallbackInfo& info) {
  std::shared_ptr<models::Module> head;
  if (!info[1].IsUndefined()) head = ModuleHandle::get(info[1], "head");
  return StepHandle::make(info.Env(),
                          std::make_shared<train::TrainStep>(ModuleHandle::get(info[0], "encoder"), std::move(head),
                                                             OptimizerHandle::get(info[2], "optimizer")));
}

// trainStep(step, images[], viewOrder, loss, lossArguments, metrics, metricsLabels | undefined, learningRate, flags,
// job)
//   -> Promise<{ loss, validAnchors?, metrics? }>
// `lossArguments` are those of the loss in schema order; the first, its features, is the step's to fill.
Napi::Value train_step(const Napi::CallbackInfo& info) {
  State& state = State::of(info.Env());
  std::shared_ptr<train::TrainStep> step = StepHandle::get(info[0], "step");
  const auto handles = info[1].As<Napi::Array>();
  std::vector<SlotPtr> images;
  for (uint32_t i = 0; i < handles.Length(); ++i) images.push_back(TensorHandle::get(handles.Get(i), "images"));
  std::vector<int64_t> view_order = to_ints(info[2], "viewOrder");
  const Callable& loss = *CallableHandle::get(info[3], "loss");
  Arguments arguments(loss.schema(), info[4].As<Napi::Array>(), 1);
  const bool metrics = info[5].ToBoolean();
  SlotPtr labels;
  if (!info[6].IsUndefined()) labels = TensorHandle::get(info[6], "metricsLabels");
  const double learning_rate = info[7].As<Napi::Number>().DoubleValue();
  const uint32_t flags = info[8].As<Napi::Number>().Uint32Value();
  const auto job = static_cast<uint64_t>(info[9].As<Napi::Number>().DoubleValue());

  auto [promise, settler] = state.promise();
  state.stream(flags).enqueue(make_job([step, images = std::move(images), view_order = std::move(view_order), &loss,
                                        arguments = std::move(arguments), metrics, labels, learning_rate, flags, job,
                                        settler = settler]() mutable {
    try {
      train::StepInput input{.images = {},
                             .view_order = std::move(view_order),
                             .loss = &loss,
                             .loss_arguments = arguments.resolve(),
                             .metrics = metrics,
                             .metrics_labels = std::nullopt,
                             .learning_rate = learning_rate,
                             .autocast = Modes::from_flags(flags).autocast};
      for (const SlotPtr& slot : images) input.images.push_back(slot->value());
      if (labels) input.metrics_labels = labels->value();
      const train::StepOutput output = step->run(std::move(input));
      settler.resolve([output](Napi::Env env) { return to_object(env, output); });
    } catch (...) {
      settler.reject(describe(std::current_exception(), job));
    }
  }));
  return promise;
}

}  // namespace

void export_train(Napi::Env env, Napi::Object exports) {
  exports.Set("makeTrainStep", Napi::Function::New<guarded<make_train_step>>(env));
  exports.Set("trainStep", Napi::Function::New<guarded<train_step>>(env));
}

}  // namespace contrastive::binding
