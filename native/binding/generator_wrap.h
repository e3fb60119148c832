// Generators of random numbers on the CPU, for operations that fill a tensor in place.
#pragma once

#include <ATen/core/Generator.h>
#include <napi.h>

#include "binding/handle.h"

namespace contrastive::binding {

template <>
struct HandleTraits<at::Generator> {
  static constexpr const char* kName = "generator";
};

using GeneratorHandle = Handle<at::Generator>;

void export_generator(Napi::Env env, Napi::Object exports);

}  // namespace contrastive::binding
