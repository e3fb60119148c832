#include "binding/optimizer_wrap.h"

#include <ATen/ATen.h>
#include <c10/util/ParallelGuard.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "binding/convert.h"
#include "binding/errors.h"
#include "binding/state.h"
#include "binding/tensor_wrap.h"

namespace contrastive::binding {
namespace {

// The tensors themselves; waits for those that a queued job still makes.
std::vector<NamedTensor> to_parameters(const Napi::Array& names, const Napi::Array& handles) {
  std::vector<NamedTensor> parameters;
  for (uint32_t i = 0; i < handles.Length(); ++i) {
    const std::string name = names.Get(i).As<Napi::String>();
    const at::Tensor tensor = TensorHandle::get(handles.Get(i), "parameters")->value();
    CONTRASTIVE_CHECK(at::isFloatingType(tensor.scalar_type()), kDTypeError, "parameter '", name,
                      "' must be floating point, got ", tensor.scalar_type());
    CONTRASTIVE_CHECK(tensor.requires_grad() && tensor.is_leaf(), kAutogradError, "parameter '", name,
                      "' must be a leaf tensor that requires a gradient");
    parameters.push_back({name, tensor});
  }
  return parameters;
}

double number(const Napi::Object& options, const char* name) { return options.Get(name).ToNumber().DoubleValue(); }
bool flag(const Napi::Object& options, const char* name) { return options.Get(name).ToBoolean(); }

std::shared_ptr<optim::Optimizer> make(const std::string& kind, std::vector<NamedTensor> parameters,
                                       const Napi::Object& options) {
  const bool exclude = flag(options, "excludeBiasAndNorm");
  const double decay = number(options, "weightDecay");
  if (kind == "sgd")
    return optim::make_sgd(std::move(parameters), {.momentum = number(options, "momentum"),
                                                   .weight_decay = decay,
                                                   .nesterov = flag(options, "nesterov"),
                                                   .exclude_bias_and_norm = exclude});
  if (kind == "adamw")
    return optim::make_adamw(std::move(parameters), {.beta1 = number(options, "beta1"),
                                                     .beta2 = number(options, "beta2"),
                                                     .epsilon = number(options, "epsilon"),
                                                     .weight_decay = decay,
                                                     .exclude_bias_and_norm = exclude});
  CONTRASTIVE_CHECK(kind == "lars", kOptionError, "unknown optimizer '", kind, "'");
  return optim::make_lars(std::move(parameters), {.momentum = number(options, "momentum"),
                                                  .weight_decay = decay,
                                                  .trust_coefficient = number(options, "trustCoefficient"),
                                                  .nesterov = flag(options, "nesterov"),
                                                  .exclude_bias_and_norm = exclude});
}

// makeOptimizer('sgd' | 'adamw' | 'lars', names[], tensors[], options) -> an optimizer handle. Every option is there.
Napi::Value make_optimizer(const Napi::CallbackInfo& info) {
  const c10::ParallelGuard serial(true);  // no second OpenMP team on the JavaScript thread
  return OptimizerHandle::make(
      info.Env(), make(to_string(info[0], "kind"), to_parameters(info[1].As<Napi::Array>(), info[2].As<Napi::Array>()),
                       info[3].As<Napi::Object>()));
}

// optimizerStep(optimizer, lr, flags, job)
Napi::Value step(const Napi::CallbackInfo& info) {
  std::shared_ptr<optim::Optimizer> optimizer = OptimizerHandle::get(info[0], "optimizer");
  const double lr = info[1].As<Napi::Number>().DoubleValue();
  State::of(info.Env()).effect(flags_at(info, 2), job_at(info, 3), [optimizer, lr] { optimizer->step(lr); });
  return info.Env().Undefined();
}

// optimizerZeroGrad(optimizer, flags, job)
Napi::Value optimizer_zero_grad(const Napi::CallbackInfo& info) {
  std::shared_ptr<optim::Optimizer> optimizer = OptimizerHandle::get(info[0], "optimizer");
  State::of(info.Env()).effect(flags_at(info, 1), job_at(info, 2), [optimizer] { optimizer->zero_grad(); });
  return info.Env().Undefined();
}

// optimizerState(optimizer) -> { name: tensor handle }; live
Napi::Value state_of(const Napi::CallbackInfo& info) {
  Napi::Object result = Napi::Object::New(info.Env());
  for (const auto& [name, tensor] : OptimizerHandle::get(info[0], "optimizer")->state())
    result.Set(name, wrap(info.Env(), Slot::ready(tensor)));
  return result;
}

// optimizerLoadState(optimizer, names[], tensors[], flags, job)
Napi::Value load_state(const Napi::CallbackInfo& info) {
  std::shared_ptr<optim::Optimizer> optimizer = OptimizerHandle::get(info[0], "optimizer");
  const auto names = info[1].As<Napi::Array>();
  const auto handles = info[2].As<Napi::Array>();
  std::vector<std::pair<std::string, SlotPtr>> slots;
  std::vector<NamedTensor> twins;
  for (uint32_t i = 0; i < handles.Length(); ++i) {
    SlotPtr slot = TensorHandle::get(handles.Get(i), "state");
    const std::string name = names.Get(i).As<Napi::String>();
    CONTRASTIVE_CHECK(slot->twin().defined(), kStateError, "the shape of optimizer state '", name,
                      "' depends on data that is not computed yet; `await ready()` first");
    twins.push_back({name, slot->twin()});
    slots.emplace_back(name, std::move(slot));
  }
  optimizer->check_state(twins);
  State::of(info.Env()).effect(flags_at(info, 3), job_at(info, 4), [optimizer, slots = std::move(slots)] {
    std::vector<NamedTensor> values;
    for (const auto& [name, slot] : slots) values.push_back({name, slot->value()});
    optimizer->load_state(values);
  });
  return info.Env().Undefined();
}

// optimizerDispose(optimizer) -> whether it was alive
Napi::Value optimizer_dispose(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), OptimizerHandle::dispose(info.Env(), info[0]));
}

}  // namespace

void export_optimizer(Napi::Env env, Napi::Object exports) {
  exports.Set("makeOptimizer", Napi::Function::New<guarded<make_optimizer>>(env));
  exports.Set("optimizerStep", Napi::Function::New<guarded<step>>(env));
  exports.Set("optimizerZeroGrad", Napi::Function::New<guarded<optimizer_zero_grad>>(env));
  exports.Set("optimizerState", Napi::Function::New<guarded<state_of>>(env));
  exports.Set("optimizerLoadState", Napi::Function::New<guarded<load_state>>(env));
  exports.Set("optimizerDispose", Napi::Function::New<guarded<optimizer_dispose>>(env));
}

}  // namespace contrastive::binding
