// What the tests call: provideGraphs() once, takeLog(), which empties it, and fail().
#include <napi.h>

#include "device.h"

namespace simulated {
namespace {

Napi::Array strings(Napi::Env env, const std::vector<std::string>& list) {
  Napi::Array result = Napi::Array::New(env, list.size());
  for (uint32_t i = 0; i < list.size(); ++i) result.Set(i, list[i]);
  return result;
}

Napi::Object counts(Napi::Env env, const std::map<std::string, int>& map) {
  Napi::Object result = Napi::Object::New(env);
  for (const auto& [name, count] : map) result.Set(name, count);
  return result;
}

Napi::Value take_log(const Napi::CallbackInfo& info) {
  const std::lock_guard lock(device().mutex);
  const Log log = std::exchange(device().log, {});
  device().log.peak_bytes = device().bytes;
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("waits", strings(info.Env(), log.waits));
  result.Set("races", strings(info.Env(), log.races));
  result.Set("copies", counts(info.Env(), log.copies));
  result.Set("arrivals", log.arrivals);
  result.Set("graphs", device().graphs);
  result.Set("peakBytes", static_cast<double>(log.peak_bytes));
  result.Set("bytes", static_cast<double>(device().bytes));
  result.Set("aborts", log.aborts);
  result.Set("launches", counts(info.Env(), log.launches));
  return result;
}

// provideGraphs(path of contrastive_core.so)
Napi::Value provide(const Napi::CallbackInfo& info) {
  provide_graphs(info[0].As<Napi::String>().Utf8Value());
  return info.Env().Undefined();
}

// fail(n): the nth launch from now on fails, which whoever waits behind it is told.
void fail(const Napi::CallbackInfo& info) {
  const std::lock_guard lock(device().mutex);
  device().faults_in = info[0].As<Napi::Number>().Int64Value();
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  static const bool is_installed = (install_device(), true);
  (void)is_installed;
  exports.Set("takeLog", Napi::Function::New(env, take_log));
  exports.Set("provideGraphs", Napi::Function::New(env, provide));
  exports.Set("fail", Napi::Function::New(env, fail));
  return exports;
}

NODE_API_MODULE(simulated_device, init)

}  // namespace
}  // namespace simulated
