// What the tests call: provideGraphs() once, takeLog(), which empties it, fail(), holdCaptures() and untilHeld().
#include <napi.h>
#include <chrono>

#include <algorithm>

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
  const auto is_in_use = [](const auto& block) { return !block.second.is_of_graph; };
  result.Set("pinned", std::count_if(device().pinned.begin(), device().pinned.end(), is_in_use));
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

// holdCaptures(on): graphs that are taken down stay so until it is called with false.
void hold_captures(const Napi::CallbackInfo& info) {
  const std::lock_guard lock(device().mutex);
  device().holds_captures = info[0].ToBoolean();
  device().is_holding = false;
  device().held_or_let_go.notify_all();
}

// untilHeld(): blocks until one is.
void until_held(const Napi::CallbackInfo& info) {
  std::unique_lock lock(device().mutex);
  if (!device().held_or_let_go.wait_for(lock, std::chrono::seconds(30), [] { return device().is_holding; }))
    throw Napi::Error::New(info.Env(), "no graph is being taken down");
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  static const bool is_installed = (install_device(), true);
  (void)is_installed;
  exports.Set("takeLog", Napi::Function::New(env, take_log));
  exports.Set("provideGraphs", Napi::Function::New(env, provide));
  exports.Set("fail", Napi::Function::New(env, fail));
  exports.Set("holdCaptures", Napi::Function::New(env, hold_captures));
  exports.Set("untilHeld", Napi::Function::New(env, until_held));
  return exports;
}

NODE_API_MODULE(simulated_device, init)

}  // namespace
}  // namespace simulated
