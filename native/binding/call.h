// The one generic door to every operation: own ops and libtorch's.
#pragma once

#include <napi.h>

namespace contrastive::binding {

void export_call(Napi::Env env, Napi::Object exports);

}  // namespace contrastive::binding
