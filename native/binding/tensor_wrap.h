// Tensor handles: a JavaScript object that holds a slot.
#pragma once

#include <napi.h>

#include "binding/handle.h"
#include "core/slot.h"

namespace contrastive::binding {

template <>
struct HandleTraits<Slot> {
  static constexpr const char* kName = "tensor";
};

using TensorHandle = Handle<Slot>;

// A handle for a slot; reports the twin's bytes to V8 (0 while the shape is unknown, and for a view of something else).
Napi::Object wrap(Napi::Env env, SlotPtr slot);

// Shape, dtype, device, requiresGrad and isLeaf; the device alone while the shape depends on data.
Napi::Object description_of(Napi::Env env, Slot& slot);

void export_tensor(Napi::Env env, Napi::Object exports);

}  // namespace contrastive::binding
