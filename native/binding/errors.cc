#include "binding/errors.h"

namespace contrastive::binding {

Napi::Error to_js(Napi::Env env, const Failure& failure) {
  Napi::Error error = Napi::Error::New(env, failure.message);
  error.Set("code", Napi::String::New(env, failure.code));
  error.Set("job", Napi::Number::New(env, static_cast<double>(failure.job)));
  if (failure.operation >= 0) error.Set("operation", Napi::Number::New(env, static_cast<double>(failure.operation)));
  return error;
}

}  // namespace contrastive::binding
