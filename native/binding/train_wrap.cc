#include "binding/train_wrap.h"

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

// makeTrainStep(encoder, head | undefined, optimizer) -> a step
Napi::Value make_train_step(const Napi::CallbackInfo& info) {
  std::shared_ptr<models::Module> head;
  if (!info[1].IsUndefined()) head = ModuleHandle::get(info[1], "head");
  return StepHandle::make(info.Env(),
                          std::make_shared<train::TrainStep>(ModuleHandle::get(info[0], "encoder"), std::move(head),
                                                             OptimizerHandle::get(info[2], "optimizer")));
}

// trainStep(step, images, views, loss, lossArguments, learningRate, flags, job) -> Promise<{ loss, validAnchors? }>
// `lossArguments` are those of the loss in schema order; the first, its features, is the step's to fill.
Napi::Value train_step(const Napi::CallbackInfo& info) {
  State& state = State::of(info.Env());
  std::shared_ptr<train::TrainStep> step = StepHandle::get(info[0], "step");
  SlotPtr images = TensorHandle::get(info[1], "images");
  const int64_t views = info[2].As<Napi::Number>().Int64Value();
  const Callable& loss = *CallableHandle::get(info[3], "loss");
  Arguments arguments(loss.schema(), info[4].As<Napi::Array>(), 1);
  const double learning_rate = info[5].As<Napi::Number>().DoubleValue();
  const uint32_t flags = info[6].As<Napi::Number>().Uint32Value();
  const auto job = static_cast<uint64_t>(info[7].As<Napi::Number>().DoubleValue());

  auto [promise, settler] = state.promise();
  state.stream(flags).enqueue(make_job([step, images, views, &loss, arguments = std::move(arguments), learning_rate,
                                        flags, job, settler = settler]() mutable {
    try {
      const train::StepOutput output = step->run({.images = images->value(),
                                                  .views = views,
                                                  .loss = &loss,
                                                  .loss_arguments = arguments.resolve(),
                                                  .learning_rate = learning_rate,
                                                  .autocast = Modes::from_flags(flags).autocast});
      settler.resolve([output](Napi::Env env) {
        Napi::Object result = Napi::Object::New(env);
        result.Set("loss", output.loss);
        if (output.valid_anchors) result.Set("validAnchors", static_cast<double>(*output.valid_anchors));
        return result;
      });
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
