#pragma once

#include <napi.h>

namespace contrastive::binding {

void export_process_group(Napi::Env env, Napi::Object exports);

}  // namespace contrastive::binding
