#include "binding/augment_wrap.h"

#include "augment/kernels.h"
#include "binding/augment_convert.h"
#include "binding/convert.h"
#include "binding/errors.h"
#include "binding/state.h"

namespace contrastive::binding {

using augment::Drawn;
using augment::Pipeline;
using augment::Shape;
using augment::TransformSpec;

namespace {

const Pipeline& to_pipeline(const Napi::Value& value) { return *PipelineHandle::get(value, "pipeline"); }

// augmentPipeline(transforms, channels) -> a pipeline handle; channels 0 keeps the source's.
Napi::Value make_pipeline(const Napi::CallbackInfo& info) {
  const auto list = info[0].As<Napi::Array>();
  std::vector<TransformSpec> specs;
  specs.reserve(list.Length());
  for (uint32_t i = 0; i < list.Length(); ++i) specs.push_back(to_spec(list.Get(i).As<Napi::Object>()));
  return PipelineHandle::make(info.Env(), std::make_shared<Pipeline>(specs, to_int(info[1])));
}

// augmentShape(pipeline, height, width, channels) -> [height, width, channels]
Napi::Value shape_of(const Napi::CallbackInfo& info) {
  const Shape shape = to_pipeline(info[0]).output_shape({to_int(info[1]), to_int(info[2]), to_int(info[3])});
  return from_ints(info.Env(), {shape.height, shape.width, shape.channels});
}

// augmentDraw(pipeline, height, width, channels, seed, epoch, id, view) -> [{ kind, applied, ...numbers }]
Napi::Value draw(const Napi::CallbackInfo& info) {
  const Pipeline& pipeline = to_pipeline(info[0]);
  const Shape source = {to_int(info[1]), to_int(info[2]), to_int(info[3])};
  pipeline.output_shape(source);
  const std::vector<Drawn> drawn = pipeline.draw({to_counter(info[4], "seed"), info[5].As<Napi::Number>().Uint32Value(),
                                                  to_counter(info[6], "id"), info[7].As<Napi::Number>().Uint32Value()},
                                                 source);
  Napi::Array result = Napi::Array::New(info.Env(), drawn.size());
  for (size_t i = 0; i < drawn.size(); ++i) result.Set(i, from_drawn(info.Env(), *pipeline.transforms()[i], drawn[i]));
  return result;
}

// augmentThreads(n): the pool's size. Waits for the batches under way.
Napi::Value augment_threads(const Napi::CallbackInfo& info) {
  State::of(info.Env()).set_pool_threads(to_int(info[0]));
  return info.Env().Undefined();
}

}  // namespace

void export_augment(Napi::Env env, Napi::Object exports) {
  // Chosen here, since it reads the environment: a thread of the pool would do so beside JavaScript that may write it.
  augment::kernels();
  exports.Set("augmentPipeline", Napi::Function::New<guarded<make_pipeline>>(env));
  exports.Set("augmentShape", Napi::Function::New<guarded<shape_of>>(env));
  exports.Set("augmentDraw", Napi::Function::New<guarded<draw>>(env));
  exports.Set("augmentThreads", Napi::Function::New<guarded<augment_threads>>(env));
}

}  // namespace contrastive::binding
