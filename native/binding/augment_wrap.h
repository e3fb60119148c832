// Augmentation pipelines: made from plain data, asked for shapes and drawn from. augment_run.h runs them.
#pragma once

#include <napi.h>

#include "augment_tensor/pipeline.h"
#include "binding/handle.h"

namespace contrastive::binding {

template <>
struct HandleTraits<augment_tensor::TensorPipeline> {
  static constexpr const char* kName = "pipeline";
};
using PipelineHandle = Handle<augment_tensor::TensorPipeline>;

void export_augment(Napi::Env env, Napi::Object exports);

}  // namespace contrastive::binding
