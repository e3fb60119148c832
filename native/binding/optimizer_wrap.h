// Optimizers over tensors that JavaScript holds; steps run on the stream.
#pragma once

#include <napi.h>

#include <memory>
#include <vector>

#include "binding/handle.h"
#include "core/later.h"
#include "optim/optimizer.h"

namespace contrastive::binding {

// The optimizer itself looks at its parameters, which jobs before it may still make or move: a job makes it.
struct LaterOptimizer : Later<optim::Optimizer> {
  using Later::Later;
  // One over the parameters' twins: the names and shapes of the state, at once.
  std::shared_ptr<const optim::Optimizer> twin;
  std::vector<at::Device> devices;  // of the parameters
};

template <>
struct HandleTraits<LaterOptimizer> {
  static constexpr const char* kName = "optimizer";
  static constexpr napi_type_tag kTag = {0xb84f0d6e37c1425a, 0xa0c95e7f21d84b63};
};

using OptimizerHandle = Handle<LaterOptimizer>;

void export_optimizer(Napi::Env env, Napi::Object exports);

}  // namespace contrastive::binding
