// Between plain JavaScript objects and what augmentation works with.
#pragma once

#include <napi.h>

#include "augment/transform.h"

namespace contrastive::binding {

// Seeds and ids: JavaScript's safe integers.
uint64_t to_counter(double number, const char* argument);
uint64_t to_counter(const Napi::Value& value, const char* argument);
inline int to_int(const Napi::Value& value) { return value.As<Napi::Number>().Int32Value(); }

// `{ kind, p, ...options }`: numbers, arrays of numbers, words.
augment::TransformSpec to_spec(const Napi::Object& object);

// `{ kind, applied, ...numbers }`; a name that repeats among drawn_names() is an array.
Napi::Value from_drawn(Napi::Env env, const augment::Transform& transform, const augment::Drawn& drawn);
augment::Drawn to_drawn(const augment::Transform& transform, const Napi::Object& object);

}  // namespace contrastive::binding
