#include "binding/module_wrap.h"

#include <ATen/ATen.h>
#include <c10/util/ParallelGuard.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "binding/convert.h"
#include "binding/errors.h"
#include "binding/state.h"
#include "binding/tensor_wrap.h"
#include "core/modes.h"
#include "models/registry.h"

namespace contrastive::binding {
namespace {

models::OptionMap to_options(const Napi::Value& value) {
  const auto object = value.As<Napi::Object>();
  const Napi::Array names = object.GetPropertyNames();
  models::OptionMap options;
  for (uint32_t i = 0; i < names.Length(); ++i) {
    const std::string name = names.Get(i).As<Napi::String>();
    const Napi::Value option = object.Get(name);
    if (option.IsBoolean()) {
      options[name] = option.As<Napi::Boolean>().Value();
    } else if (option.IsNumber()) {
      options[name] = option.As<Napi::Number>().DoubleValue();
    } else if (option.IsString()) {
      options[name] = option.As<Napi::String>().Utf8Value();
    } else {
      CONTRASTIVE_CHECK(option.IsUndefined(), kOptionError, name, " must be a boolean, a number or a string");
    }
  }
  return options;
}

// { name: tensor handle }, in order of registration. Handles share the module's twins: what one says of requiring a
// gradient, the module knows.
Napi::Object named(Napi::Env env, const std::vector<NamedTensor>& tensors, const std::vector<NamedTensor>& twins) {
  Napi::Object result = Napi::Object::New(env);
  for (size_t i = 0; i < tensors.size(); ++i)
    result.Set(tensors[i].name, wrap(env, Slot::ready(tensors[i].tensor, twins[i].tensor)));
  return result;
}

// makeModule(name, options) -> a module handle, initialised, on the CPU, in training mode
Napi::Value make_module(const Napi::CallbackInfo& info) {
  const c10::ParallelGuard serial(true);  // no second OpenMP team on the JavaScript thread
  return ModuleHandle::make(info.Env(), models::make_model(to_string(info[0], "name"), to_options(info[1])));
}

// moduleNames() -> the names that makeModule knows
Napi::Value module_names(const Napi::CallbackInfo& info) {
  Napi::Array names = Napi::Array::New(info.Env());
  for (const std::string& name : models::model_names()) names.Set(names.Length(), name);
  return names;
}

// moduleParameters(module), moduleBuffers(module) -> { name: tensor handle }; before the first job of the module
Napi::Value parameters(const Napi::CallbackInfo& info) {
  models::Module& module = *ModuleHandle::get(info[0], "module");
  return named(info.Env(), module.parameters(), module.parameter_twins());
}
Napi::Value buffers(const Napi::CallbackInfo& info) {
  models::Module& module = *ModuleHandle::get(info[0], "module");
  return named(info.Env(), module.buffers(), module.buffer_twins());
}

bool any_requires_grad(const models::Module& module) {
  const auto& twins = module.parameter_twins();
  return std::any_of(twins.begin(), twins.end(), [](const NamedTensor& twin) { return twin.tensor.requires_grad(); });
}

// The twin of a forward pass without running it: layers check shapes by themselves.
at::Tensor forward_twin(models::Module& module, const at::Tensor& x, const Modes& modes, at::DeviceType device) {
  if (!x.defined()) return {};
  const ModeGuard guard(modes, device);
  const at::ScalarType dtype = module.output_dtype(x.scalar_type(), device);
  at::Tensor twin = at::empty(module.output_shape(x.sizes()), at::TensorOptions().dtype(dtype).device(at::kMeta));
  // Through an operation, so that it is no leaf: in-place operations on a result are allowed.
  if (modes.grad && (x.requires_grad() || any_requires_grad(module))) twin = twin.set_requires_grad(true).clone();
  return twin;
}

// moduleForward(module, x, flags, job) -> a tensor handle
Napi::Value forward(const Napi::CallbackInfo& info) {
  std::shared_ptr<models::Module> module = ModuleHandle::get(info[0], "module");
  SlotPtr x = TensorHandle::get(info[1], "x");
  const uint32_t flags = flags_at(info, 2);
  const Modes modes = Modes::from_flags(flags);
  const at::Device device = x->device();
  auto slot = std::make_shared<Slot>(forward_twin(*module, x->twin(), modes, device.type()), device);
  State::of(info.Env())
      .stream(flags)
      .enqueue(make_job([module = std::move(module), x = std::move(x), modes, device,
                         promises = Promises({slot}, job_at(info, 3))]() mutable {
        promises.settle([&] {
          const ModeGuard guard(modes, device.type());
          return std::vector<at::Tensor>{module->forward(x->value())};
        });
      }));
  return wrap(info.Env(), slot);
}

// moduleOutputShape(module, shape) -> the shape that forward gives
Napi::Value output_shape(const Napi::CallbackInfo& info) {
  return from_ints(info.Env(), ModuleHandle::get(info[0], "module")->output_shape(to_ints(info[1], "shape")));
}

// moduleFeatureDim(module) -> the length of the vectors that forward gives
Napi::Value feature_dim(const Napi::CallbackInfo& info) {
  const int64_t dim = ModuleHandle::get(info[0], "module")->feature_dim();
  return Napi::Number::New(info.Env(), static_cast<double>(dim));
}

// moduleTrain(module, on, flags, job)
Napi::Value train(const Napi::CallbackInfo& info) {
  std::shared_ptr<models::Module> module = ModuleHandle::get(info[0], "module");
  const bool on = info[1].ToBoolean();
  State::of(info.Env()).effect(flags_at(info, 2), job_at(info, 3), [module, on] { module->train(on); });
  return info.Env().Undefined();
}

// moduleTo(module, device, flags, job) -> { parameters, buffers }: handles that know the new device
Napi::Value module_to(const Napi::CallbackInfo& info) {
  std::shared_ptr<models::Module> module = ModuleHandle::get(info[0], "module");
  const at::Device device = to_device(info[1], "device");
  std::vector<SlotPtr> slots;
  const auto pending = [&](const std::vector<NamedTensor>& twins) {
    Napi::Object result = Napi::Object::New(info.Env());
    for (const auto& [name, twin] : twins) {
      slots.push_back(std::make_shared<Slot>(twin, device));
      result.Set(name, wrap(info.Env(), slots.back()));
    }
    return result;
  };
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("parameters", pending(module->parameter_twins()));
  result.Set("buffers", pending(module->buffer_twins()));
  const uint32_t flags = flags_at(info, 2);
  State::of(info.Env())
      .stream(flags)
      .enqueue(make_job([module, device, promises = Promises(std::move(slots), job_at(info, 3))]() mutable {
        promises.settle([&] {
          module->to(device);
          std::vector<at::Tensor> values;
          for (const auto* list : {&module->parameters(), &module->buffers()})
            for (const NamedTensor& entry : *list) values.push_back(entry.tensor);
          return values;
        });
      }));
  return result;
}

// moduleDispose(module) -> whether it was alive
Napi::Value module_dispose(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), ModuleHandle::dispose(info.Env(), info[0]));
}

}  // namespace

void export_module(Napi::Env env, Napi::Object exports) {
  exports.Set("makeModule", Napi::Function::New<guarded<make_module>>(env));
  exports.Set("moduleNames", Napi::Function::New<guarded<module_names>>(env));
  exports.Set("moduleParameters", Napi::Function::New<guarded<parameters>>(env));
  exports.Set("moduleBuffers", Napi::Function::New<guarded<buffers>>(env));
  exports.Set("moduleForward", Napi::Function::New<guarded<forward>>(env));
  exports.Set("moduleOutputShape", Napi::Function::New<guarded<output_shape>>(env));
  exports.Set("moduleFeatureDim", Napi::Function::New<guarded<feature_dim>>(env));
  exports.Set("moduleTrain", Napi::Function::New<guarded<train>>(env));
  exports.Set("moduleTo", Napi::Function::New<guarded<module_to>>(env));
  exports.Set("moduleDispose", Napi::Function::New<guarded<module_dispose>>(env));
}

}  // namespace contrastive::binding
