// The one generic door to every operation: own ops and libtorch's.
#pragma once

#include <napi.h>

#include "binding/handle.h"
#include "core/callable.h"

namespace contrastive::binding {

template <>
struct HandleTraits<const Callable> {
  static constexpr const char* kName = "reference to an operation";
  static constexpr napi_type_tag kTag = {0x71c0d94be2a85f36, 0x94d6b13f07e8a25c};
};

using CallableHandle = Handle<const Callable>;

void export_call(Napi::Env env, Napi::Object exports);

}  // namespace contrastive::binding
