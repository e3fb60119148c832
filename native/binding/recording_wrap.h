// Recordings for JavaScript: a recorder that operations are noted in, and its result, which is replayed.
#pragma once

#include <napi.h>

namespace contrastive::binding {

void export_recording(Napi::Env env, Napi::Object exports);

}  // namespace contrastive::binding
