// Augmentation pipelines: made from plain data, asked for shapes and drawn from. augment_run.h runs them.
#pragma once

#include <napi.h>

#include "augment_tensor/pipeline.h"
#include "binding/handle.h"

namespace contrastive::binding {

template <>
struct HandleTraits<augment_tensor::TensorPipeline> {
  static constexpr const char* kName = "pipeline";
  static constexpr napi_type_tag kTag = {0x2c9e4f11d7a05b83, 0xb3647a0c15e8d29f};
};
using PipelineHandle = Handle<augment_tensor::TensorPipeline>;

void export_augment(Napi::Env env, Napi::Object exports);

}  // namespace contrastive::binding
