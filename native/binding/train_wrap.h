// The trainer's step as one native job.
#pragma once

#include <napi.h>

#include "binding/handle.h"
#include "core/later.h"
#include "train/step.h"

namespace contrastive::binding {

template <>
struct HandleTraits<Later<train::TrainStep>> {
  static constexpr const char* kName = "training step";
  static constexpr napi_type_tag kTag = {0x2c7f4be1905d4a36, 0xa61f0d8b37e2c954};
};
template <>
struct HandleTraits<Later<train::Update>> {
  static constexpr const char* kName = "update";
  static constexpr napi_type_tag kTag = {0x5e80c3f1a94b27d6, 0x8f3d61b20ac7e594};
};
template <>
struct HandleTraits<Later<train::MomentumEncoder>> {
  static constexpr const char* kName = "momentum encoder";
  static constexpr napi_type_tag kTag = {0x94b36ad7e10f4c82, 0xbd5209e8714fa63c};
};

void export_train(Napi::Env env, Napi::Object exports);

}  // namespace contrastive::binding
