// Augmentation pipelines: made from plain data, asked for shapes and drawn from. augment_run.h runs them.
#pragma once

#include <napi.h>

#include "augment/pipeline.h"
#include "binding/handle.h"

namespace contrastive::binding {

template <>
struct HandleTraits<augment::Pipeline> {
  static constexpr const char* kName = "pipeline";
};
using PipelineHandle = Handle<augment::Pipeline>;

void export_augment(Napi::Env env, Napi::Object exports);

}  // namespace contrastive::binding
