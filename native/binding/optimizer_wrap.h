// Optimizers over tensors that JavaScript holds; steps run on the stream.
#pragma once

#include <napi.h>

#include "binding/handle.h"
#include "optim/optimizer.h"

namespace contrastive::binding {

template <>
struct HandleTraits<optim::Optimizer> {
  static constexpr const char* kName = "optimizer";
  static constexpr napi_type_tag kTag = {0xb84f0d6e37c1425a, 0xa0c95e7f21d84b63};
};

using OptimizerHandle = Handle<optim::Optimizer>;

void export_optimizer(Napi::Env env, Napi::Object exports);

}  // namespace contrastive::binding
