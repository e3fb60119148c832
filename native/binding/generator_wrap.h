// Generators of random numbers on the CPU, for operations that fill a tensor in place.
#pragma once

#include <ATen/core/Generator.h>
#include <napi.h>

#include "binding/handle.h"

namespace contrastive::binding {

template <>
struct HandleTraits<at::Generator> {
  static constexpr const char* kName = "generator";
  static constexpr napi_type_tag kTag = {0x2f8c61d09ab34e75, 0x8a53e0f7d41c9b26};
};

using GeneratorHandle = Handle<at::Generator>;

void export_generator(Napi::Env env, Napi::Object exports);

}  // namespace contrastive::binding
