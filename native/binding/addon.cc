// The addon table: what contrastive_core.so offers to lib/native/addon.ts.
#include <ATen/ATen.h>
#include <ATen/Version.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <napi.h>
#include <torch/version.h>

#include "binding/augment_run.h"
#include "binding/augment_wrap.h"
#include "binding/call.h"
#include "binding/convert.h"
#include "binding/errors.h"
#include "binding/generator_wrap.h"
#include "binding/process_group_wrap.h"
#include "binding/recording_wrap.h"
#include "binding/state.h"
#include "binding/tensor_wrap.h"
#include "core/cpu.h"
#include "core/cuda_library.h"
#include "core/recycler.h"

namespace contrastive::binding {
namespace {

// The version of the libtorch that is loaded, which need not be the one that this was compiled against.
std::string loaded_version() {
  const std::string config = at::show_config(), key = "TORCH_VERSION=";
  const auto at = config.find(key);
  if (at == std::string::npos) return "unknown";
  const auto start = at + key.size();
  return config.substr(start, config.find_first_of(", \n", start) - start);
}

Napi::Value info_of(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Napi::Array devices = Napi::Array::New(env);
  devices.Set(0u, "cpu");
  const at::DeviceIndex cuda = at::detail::getCUDAHooks().deviceCount();
  for (at::DeviceIndex i = 0; i < cuda; ++i) devices.Set(devices.Length(), "cuda:" + std::to_string(i));
  if (at::Context::hasMPS()) devices.Set(devices.Length(), "mps");
  Napi::Object result = Napi::Object::New(env);
  result.Set("torchVersion", loaded_version());
  result.Set("compiledAgainst", TORCH_VERSION);
  result.Set("cpuCapability", at::get_cpu_capability());
  result.Set("bfloat16", has_bfloat16());
  result.Set("devices", devices);
  result.Set("threads", State::of(env).bulk().threads());
#ifdef _OPENMP
  result.Set("parallelKernels", true);
#else
  result.Set("parallelKernels", false);
#endif
  return result;
}

// setThreads(n): the size of the bulk stream's OpenMP team.
Napi::Value set_threads(const Napi::CallbackInfo& info) {
  State::of(info.Env()).bulk().set_threads(info[0].As<Napi::Number>().Int32Value());
  return info.Env().Undefined();
}

// setBackends(matmulPrecision, cudnnBenchmark, cudnnDeterministic): those that are given, for what is enqueued from
// here on. libtorch has them once a process.
Napi::Value set_backends(const Napi::CallbackInfo& info) {
  const auto flag = [&](size_t i) {
    return info[i].IsBoolean() ? std::optional(info[i].As<Napi::Boolean>().Value()) : std::nullopt;
  };
  const auto matmul = info[0].IsString() ? std::optional(to_string(info[0], "matmulPrecision")) : std::nullopt;
  State::of(info.Env()).stream(0).enqueue(make_job([matmul, benchmark = flag(1), deterministic = flag(2)] {
    at::Context& context = at::globalContext();
    if (matmul) context.setFloat32MatmulPrecision(*matmul);
    if (benchmark) context.setBenchmarkCuDNN(*benchmark);
    if (deterministic) context.setDeterministicCuDNN(*deterministic);
  }));
  return info.Env().Undefined();
}

// backends(): what is in force, by the names of setBackends()
Napi::Value backends(const Napi::CallbackInfo& info) {
  const at::Context& context = at::globalContext();
  const bool is_highest = context.float32MatmulPrecision() == at::Float32MatmulPrecision::HIGHEST;
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("matmulPrecision", is_highest ? "highest" : "high");
  result.Set("cudnnBenchmark", context.benchmarkCuDNN());
  result.Set("cudnnDeterministic", context.deterministicCuDNN());
  return result;
}

// depth(): jobs that wait or run on the bulk stream.
Napi::Value depth(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(State::of(info.Env()).bulk().depth()));
}

// progress(): the numbers that streams tell how far they are
Napi::Value progress(const Napi::CallbackInfo& info) { return State::of(info.Env()).progress(); }

// close(): drops what is queued and waits for what runs; called when the process is about to exit.
Napi::Value close(const Napi::CallbackInfo& info) {
  State::of(info.Env()).close();
  return info.Env().Undefined();
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  install_recycler();
  State::create(env);
  exports.Set("info", Napi::Function::New<guarded<info_of>>(env));
  exports.Set("setThreads", Napi::Function::New<guarded<set_threads>>(env));
  exports.Set("setBackends", Napi::Function::New<guarded<set_backends>>(env));
  exports.Set("backends", Napi::Function::New<guarded<backends>>(env));
  exports.Set("depth", Napi::Function::New<guarded<depth>>(env));
  exports.Set("progress", Napi::Function::New<guarded<progress>>(env));
  exports.Set("close", Napi::Function::New<guarded<close>>(env));
  export_tensor(env, exports);
  export_call(env, exports);
  export_recording(env, exports);
  export_generator(env, exports);
  export_process_group(env, exports);
  export_augment(env, exports);
  export_augment_run(env, exports);
  return exports;
}

}  // namespace
}  // namespace contrastive::binding

// The loader hands its environment over here.
extern "C" NAPI_MODULE_EXPORT napi_value contrastive_core_init(napi_env env, napi_value exports) {
  return Napi::RegisterModule(env, exports, contrastive::binding::init);
}

// And what contrastive_cuda.so offers, once it is open.
extern "C" NAPI_MODULE_EXPORT napi_value contrastive_core_use_cuda(napi_env env, const void* library) {
  try {
    contrastive::use_cuda_library(*static_cast<const contrastive::CudaLibrary*>(library));
  } catch (...) {
    contrastive::binding::to_js(env, contrastive::describe(std::current_exception())).ThrowAsJavaScriptException();
  }
  return nullptr;
}
