#include "core/openmp.h"

#ifdef _WIN32
#include <windows.h>

#include <initializer_list>
#else
#include <ATen/Parallel.h>
#include <dlfcn.h>
#endif

namespace contrastive {

#ifdef _WIN32

void* openmp_function(const char* name) {
  for (const wchar_t* runtime : {L"libiomp5md.dll", L"libomp140.x86_64.dll", L"vcomp140.dll"})
    if (const HMODULE library = GetModuleHandleW(runtime))
      return reinterpret_cast<void*>(GetProcAddress(library, name));
  return nullptr;
}

#else

// A lookup in libtorch's library goes through those that it needs, whatever the
// runtime is called.
void* openmp_function(const char* name) {
  Dl_info info;
  if (dladdr(reinterpret_cast<void*>(&at::get_num_threads), &info) == 0) return nullptr;
  void* library = dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
  return library ? dlsym(library, name) : nullptr;
}

#endif

}  // namespace contrastive
