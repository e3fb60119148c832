// contrastive.node: opens libtorch and then the core, by absolute path, and
// hands the environment over. It links to nothing but the system, so that a
// missing or broken libtorch is an error with a message and never a failure to
// load. What is for CUDA alone it opens apart.
#include <node_api.h>
#include <torch/version.h>

#include <string>

#include "loader/library.h"

namespace {

using contrastive::loader::find_function;
using contrastive::loader::is_open;
using contrastive::loader::open_library;

napi_value fail(napi_env env, const char* code, const std::string& message) {
  napi_throw_error(env, code, message.c_str());
  return nullptr;
}

bool read_string(napi_env env, napi_value value, std::string& out) {
  size_t length = 0;
  if (napi_get_value_string_utf8(env, value, nullptr, 0, &length) != napi_ok) return false;
  out.resize(length + 1);
  if (napi_get_value_string_utf8(env, value, out.data(), out.size(), &length) != napi_ok) return false;
  out.resize(length);
  return true;
}

// open(libraries: string[], core: string, deepbind: boolean) -> the core's
// exports
napi_value open(napi_env env, napi_callback_info info) {
  size_t argc = 3;
  napi_value argv[3];
  napi_get_cb_info(env, info, &argc, argv, nullptr, nullptr);
  uint32_t count = 0;
  std::string path;
  bool deepbind = false;
  if (argc != 3 || napi_get_array_length(env, argv[0], &count) != napi_ok || !read_string(env, argv[1], path) ||
      napi_get_value_bool(env, argv[2], &deepbind) != napi_ok)
    return fail(env, "ERR_ADDON", "open(libraries, core, deepbind): wrong arguments");

  std::string error;
  for (uint32_t i = 0; i < count; ++i) {
    napi_value element;
    std::string library;
    if (napi_get_element(env, argv[0], i, &element) != napi_ok || !read_string(env, element, library))
      return fail(env, "ERR_ADDON", "open(): libraries must be strings");
    // One libtorch a process: a second one registers its operators again, and
    // libtorch ends the process for that. What another copy of this package has
    // opened under the same name is taken instead; open() in
    // lib/native/addon.ts asks its version.
    if (!is_open(library) && open_library(library, deepbind, error) == nullptr)
      return fail(env, "ERR_LIBTORCH", "cannot load " + library + ": " + error);
  }
  void* core = open_library(path, deepbind, error);
  if (core == nullptr)
    return fail(env, "ERR_ADDON", "cannot load " + path + ", compiled against libtorch " TORCH_VERSION ": " + error);
  using Init = napi_value (*)(napi_env, napi_value);
  auto init = reinterpret_cast<Init>(find_function(core, "contrastive_core_init"));
  if (init == nullptr) return fail(env, "ERR_ADDON", path + " is not the core of this package");
  napi_value exports;
  if (napi_create_object(env, &exports) != napi_ok) return nullptr;
  return init(env, exports);
}

// openCuda(library: string, core: string, deepbind: boolean): hands what the library offers to the core
napi_value open_cuda(napi_env env, napi_callback_info info) {
  size_t argc = 3;
  napi_value argv[3];
  napi_get_cb_info(env, info, &argc, argv, nullptr, nullptr);
  std::string path, core_path, error;
  bool deepbind = false;
  if (argc != 3 || !read_string(env, argv[0], path) || !read_string(env, argv[1], core_path) ||
      napi_get_value_bool(env, argv[2], &deepbind) != napi_ok)
    return fail(env, "ERR_ADDON", "openCuda(library, core, deepbind): wrong arguments");
  void* core = open_library(core_path, deepbind, error);
  void* library = core == nullptr ? nullptr : open_library(path, deepbind, error);
  if (library == nullptr) return fail(env, "ERR_ADDON", "cannot load " + path + ": " + error);
  using Use = napi_value (*)(napi_env, const void*);
  using Table = const void* (*)();
  auto use = reinterpret_cast<Use>(find_function(core, "contrastive_core_use_cuda"));
  auto table = reinterpret_cast<Table>(find_function(library, "contrastive_cuda_library"));
  if (use == nullptr || table == nullptr) return fail(env, "ERR_ADDON", path + " is not of this package");
  return use(env, table());
}

void export_function(napi_env env, napi_value exports, const char* name, napi_callback callback) {
  napi_value function;
  if (napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, nullptr, &function) == napi_ok)
    napi_set_named_property(env, exports, name, function);
}

}  // namespace

NAPI_MODULE_INIT() {
  export_function(env, exports, "open", open);
  export_function(env, exports, "openCuda", open_cuda);
  napi_value version;
  if (napi_create_string_utf8(env, TORCH_VERSION, NAPI_AUTO_LENGTH, &version) == napi_ok)
    napi_set_named_property(env, exports, "compiledAgainst", version);
  return exports;
}
