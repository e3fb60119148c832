#include "binding/errors.h"

namespace contrastive::binding {

Napi::Error to_js(Napi::Env env, const Failure& failure) {
  Napi::Error error = Napi::Error::New(env, failure.message);
  error.Set("code", Napi::String::New(env, failure.code));
  error.Set("job", Napi::Number::New(env, static_cast<double>(failure.job)));
  return error;
}

}  // namespace contrastive::binding
