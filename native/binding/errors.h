// From native failures to JavaScript errors: an Error with `code` and `job`, which lib/native/call.ts makes typed.
#pragma once

#include <napi.h>

#include "core/error.h"
#include "core/failure.h"

namespace contrastive::binding {

Napi::Error to_js(Napi::Env env, const Failure& failure);

// Wraps an entry point: an uncaught c10::Error would end the process.
template <Napi::Value (*function)(const Napi::CallbackInfo&)>
Napi::Value guarded(const Napi::CallbackInfo& info) {
  try {
    return function(info);
  } catch (const Napi::Error&) {
    throw;
  } catch (...) {
    throw to_js(info.Env(), describe(std::current_exception()));
  }
}

}  // namespace contrastive::binding
