// The one generic door to every operation: own ops and libtorch's.
#pragma once

#include <napi.h>

#include "binding/convert.h"
#include "binding/handle.h"
#include "core/callable.h"
#include "core/modes.h"
#include "core/slot.h"

namespace contrastive::binding {

template <>
struct HandleTraits<const Callable> {
  static constexpr const char* kName = "reference to an operation";
};

using CallableHandle = Handle<const Callable>;

// What a call will give, known before it has run.
struct ResultTwin {
  at::Tensor twin;  // undefined where the shape depends on data
  bool is_alias;    // its memory is an argument's
};

// Runs the operation on the twins of its arguments: a shape error is thrown here, at the caller.
c10::SmallVector<ResultTwin, 1> result_twins(const Callable& callable, Arguments& arguments, const Modes& modes);

// As the schema says: a handle, an array of them, or undefined.
Napi::Value wrap_results(Napi::Env env, const Callable& callable, const Slots& slots);

void export_call(Napi::Env env, Napi::Object exports);

}  // namespace contrastive::binding
