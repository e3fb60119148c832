// Augmentation of images: batches on the pool or on a device, and one image with numbers that were drawn before.
#pragma once

#include <napi.h>

namespace contrastive::binding {

void export_augment_run(Napi::Env env, Napi::Object exports);

}  // namespace contrastive::binding
