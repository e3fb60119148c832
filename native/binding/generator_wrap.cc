#include "binding/generator_wrap.h"

#include <ATen/CPUGeneratorImpl.h>

#include "binding/errors.h"

namespace contrastive::binding {
namespace {

// makeGenerator(seed) -> a generator handle. Its numbers are drawn by jobs, in the order in which those were enqueued.
Napi::Value make_generator(const Napi::CallbackInfo& info) {
  const auto seed = static_cast<uint64_t>(info[0].As<Napi::Number>().Int64Value());
  return GeneratorHandle::make(info.Env(), std::make_shared<at::Generator>(at::detail::createCPUGenerator(seed)));
}

}  // namespace

void export_generator(Napi::Env env, Napi::Object exports) {
  exports.Set("makeGenerator", Napi::Function::New<guarded<make_generator>>(env));
}

}  // namespace contrastive::binding
