#include "binding/optimizer_wrap.h"

#include <ATen/ATen.h>

#include <functional>
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

double number(const Napi::Object& options, const char* name) { return options.Get(name).ToNumber().DoubleValue(); }
bool flag(const Napi::Object& options, const char* name) { return options.Get(name).ToBoolean(); }

using Factory = std::function<std::shared_ptr<optim::Optimizer>(std::vector<NamedTensor>)>;

Factory factory_of(const std::string& kind, const Napi::Object& options) {
  const bool exclude = flag(options, "excludeBiasAndNorm");
  const double decay = number(options, "weightDecay");
  if (kind == "sgd")
    return [sgd = optim::SgdOptions{.momentum = number(options, "momentum"),
                                    .weight_decay = decay,
                                    .nesterov = flag(options, "nesterov"),
                                    .exclude_bias_and_norm = exclude}](std::vector<NamedTensor> parameters) {
      return optim::make_sgd(std::move(parameters), sgd);
    };
  if (kind == "adamw")
    return [adamw = optim::AdamWOptions{.beta1 = number(options, "beta1"),
                                        .beta2 = number(options, "beta2"),
                                        .epsilon = number(options, "epsilon"),
                                        .weight_decay = decay,
                                        .exclude_bias_and_norm = exclude}](std::vector<NamedTensor> parameters) {
      return optim::make_adamw(std::move(parameters), adamw);
    };
  CONTRASTIVE_CHECK(kind == "lars", kOptionError, "unknown optimizer '", kind, "'");
  return [lars = optim::LarsOptions{.momentum = number(options, "momentum"),
                                    .weight_decay = decay,
                                    .trust_coefficient = number(options, "trustCoefficient"),
                                    .nesterov = flag(options, "nesterov"),
                                    .exclude_bias_and_norm = exclude}](std::vector<NamedTensor> parameters) {
    return optim::make_lars(std::move(parameters), lars);
  };
}

struct NamedSlot {
  std::string name;
  SlotPtr slot;
};

// Slots by name, whose twins must be known.
std::vector<NamedSlot> to_slots(const Napi::Value& name_list, const Napi::Value& handle_list, const char* what) {
  const auto names = name_list.As<Napi::Array>(), handles = handle_list.As<Napi::Array>();
  std::vector<NamedSlot> slots;
  for (uint32_t i = 0; i < handles.Length(); ++i) {
    slots.push_back({names.Get(i).As<Napi::String>(), TensorHandle::get(handles.Get(i), what)});
    CONTRASTIVE_CHECK(slots.back().slot->twin().defined(), kStateError, "the shape of ", what, " '", slots.back().name,
                      "' depends on data that is not computed yet; `await ready()` first");
  }
  return slots;
}

std::vector<NamedTensor> twins_of(const std::vector<NamedSlot>& slots) {
  std::vector<NamedTensor> twins;
  for (const auto& [name, slot] : slots) twins.push_back({name, slot->twin()});
  return twins;
}

// In a job.
std::vector<NamedTensor> values_of(const std::vector<NamedSlot>& slots) {
  std::vector<NamedTensor> values;
  for (const auto& [name, slot] : slots) values.push_back({name, slot->value()});
  return values;
}

// makeOptimizer('sgd' | 'adamw' | 'lars', names[], tensors[], options) -> an optimizer handle. Every option is there.
Napi::Value make_optimizer(const Napi::CallbackInfo& info) {
  std::vector<NamedSlot> slots = to_slots(info[1], info[2], "parameter");
  const std::vector<NamedTensor> twins = twins_of(slots);
  for (const auto& [name, twin] : twins) {
    CONTRASTIVE_CHECK(at::isFloatingType(twin.scalar_type()), kDTypeError, "parameter '", name,
                      "' must be floating point, got ", twin.scalar_type());
    CONTRASTIVE_CHECK(twin.requires_grad() && twin.is_leaf(), kAutogradError, "parameter '", name,
                      "' must be a leaf tensor that requires a gradient");
  }
  const Factory make = factory_of(to_string(info[0], "kind"), info[3].As<Napi::Object>());
  std::vector<at::Device> devices;
  for (const auto& [name, slot] : slots) devices.push_back(slot->device());
  auto optimizer =
      std::make_shared<LaterOptimizer>([make, slots = std::move(slots)] { return make(values_of(slots)); });
  optimizer->twin = make(twins);
  optimizer->devices = std::move(devices);
  return OptimizerHandle::make(info.Env(), std::move(optimizer));
}

// optimizerStep(optimizer, lr, flags, job)
Napi::Value step(const Napi::CallbackInfo& info) {
  std::shared_ptr<LaterOptimizer> optimizer = OptimizerHandle::get(info[0], "optimizer");
  const double lr = info[1].As<Napi::Number>().DoubleValue();
  State::of(info.Env()).effect(flags_at(info, 2), job_at(info, 3), [optimizer, lr] { optimizer->get()->step(lr); });
  return info.Env().Undefined();
}

// optimizerZeroGrad(optimizer, flags, job)
Napi::Value optimizer_zero_grad(const Napi::CallbackInfo& info) {
  std::shared_ptr<LaterOptimizer> optimizer = OptimizerHandle::get(info[0], "optimizer");
  State::of(info.Env()).effect(flags_at(info, 1), job_at(info, 2), [optimizer] { optimizer->get()->zero_grad(); });
  return info.Env().Undefined();
}

// optimizerState(optimizer, flags, job) -> { name: tensor handle }; live
Napi::Value state_of(const Napi::CallbackInfo& info) {
  std::shared_ptr<LaterOptimizer> optimizer = OptimizerHandle::get(info[0], "optimizer");
  const std::vector<NamedTensor>& twins = optimizer->twin->state();
  std::vector<SlotPtr> slots;
  Napi::Object result = Napi::Object::New(info.Env());
  for (size_t i = 0; i < twins.size(); ++i) {  // slot by slot, each for all parameters
    slots.push_back(std::make_shared<Slot>(twins[i].tensor, optimizer->devices[i % optimizer->devices.size()]));
    result.Set(twins[i].name, wrap(info.Env(), slots.back()));
  }
  State::of(info.Env())
      .stream(flags_at(info, 1))
      .enqueue(make_job([optimizer, promises = Promises(std::move(slots), job_at(info, 2))]() mutable {
        promises.settle([&] {
          std::vector<at::Tensor> values;
          for (const NamedTensor& entry : optimizer->get()->state()) values.push_back(entry.tensor);
          return values;
        });
      }));
  return result;
}

// optimizerLoadState(optimizer, names[], tensors[], flags, job)
Napi::Value load_state(const Napi::CallbackInfo& info) {
  std::shared_ptr<LaterOptimizer> optimizer = OptimizerHandle::get(info[0], "optimizer");
  std::vector<NamedSlot> slots = to_slots(info[1], info[2], "optimizer state");
  optimizer->twin->check_state(twins_of(slots));
  State::of(info.Env()).effect(flags_at(info, 3), job_at(info, 4), [optimizer, slots = std::move(slots)] {
    optimizer->get()->load_state(values_of(slots));
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
