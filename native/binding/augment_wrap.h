// Augmentation pipelines: made from plain data, drawn from, and run on the pool.
#pragma once

#include <napi.h>

namespace contrastive::binding {

void export_augment(Napi::Env env, Napi::Object exports);

}  // namespace contrastive::binding
