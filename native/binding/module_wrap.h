// Encoders and heads: made by name from plain options, run on the stream.
#pragma once

#include <napi.h>

#include "binding/handle.h"
#include "models/module.h"

namespace contrastive::binding {

template <>
struct HandleTraits<models::Module> {
  static constexpr const char* kName = "module";
  static constexpr napi_type_tag kTag = {0x71d0c95e2b3a4f86, 0x94e2a7c05d1f6b38};
};

using ModuleHandle = Handle<models::Module>;

void export_module(Napi::Env env, Napi::Object exports);

}  // namespace contrastive::binding
