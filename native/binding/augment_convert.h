// Between plain JavaScript objects and what augmentation works with.
#pragma once

#include <napi.h>

#include "augment/transform.h"

namespace contrastive::binding {

// `{ kind, p, ...options }`: numbers, arrays of numbers, words.
augment::TransformSpec to_spec(const Napi::Object& object);

// `{ kind, applied, ...numbers }`; a name that repeats among drawn_names() is an array.
Napi::Value from_drawn(Napi::Env env, const augment::Transform& transform, const augment::Drawn& drawn);
augment::Drawn to_drawn(const augment::Transform& transform, const Napi::Object& object);

}  // namespace contrastive::binding
