#include <dlfcn.h>

#include "loader/library.h"

namespace contrastive::loader {

// LOCAL: with GLOBAL, other addons in the process would bind to libtorch's
// symbols. DEEPBIND: libtorch shall find its own copies of what the node
// executable exports too (libuv). It does not go with AddressSanitizer.
void* open_library(const std::string& path, [[maybe_unused]] bool deepbind, std::string& error) {
  int mode = RTLD_NOW | RTLD_LOCAL;
#ifdef RTLD_DEEPBIND
  if (deepbind) mode |= RTLD_DEEPBIND;
#endif
  void* library = dlopen(path.c_str(), mode);
  if (library == nullptr) error = dlerror();  // NOLINT(concurrency-mt-unsafe): kept for each thread, wherever this runs
  return library;
}

// By soname on Linux; by install name on macOS, where libtorch's libraries have
// theirs under @rpath.
bool is_open(const std::string& path) {
  std::string name = path.substr(path.rfind('/') + 1);
#ifdef __APPLE__
  name.insert(0, "@rpath/");
#endif
  return dlopen(name.c_str(), RTLD_NOLOAD | RTLD_LAZY) != nullptr;
}

void* find_function(void* library, const char* name) { return dlsym(library, name); }

}  // namespace contrastive::loader
