// What the tests call: install() once, log(), which empties it.
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
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("waits", strings(info.Env(), log.waits));
  result.Set("races", strings(info.Env(), log.races));
  result.Set("copies", counts(info.Env(), log.copies));
  result.Set("arrivals", log.arrivals);
  result.Set("aborts", log.aborts);
  result.Set("launches", counts(info.Env(), log.launches));
  return result;
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  static const bool is_installed = (install_device(), true);
  (void)is_installed;
  exports.Set("takeLog", Napi::Function::New(env, take_log));
  return exports;
}

NODE_API_MODULE(simulated_device, init)

}  // namespace
}  // namespace simulated
