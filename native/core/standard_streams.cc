// std::cerr and std::cout for libtorch, which writes its warnings to them. The node executable holds copies of both
// objects, and libstdc++ makes those; the loader's RTLD_DEEPBIND leads libtorch, and this file, to libstdc++'s own,
// which nobody makes: the first warning would end the process.
#include <cstring>
#include <iostream>
#include <new>

#ifdef __GLIBCXX__
#include <ext/stdio_sync_filebuf.h>

namespace contrastive {
namespace {

// An object that was never made has no vtable: its memory is zero.
void make(std::ostream& stream, std::FILE* file) {
  void* vtable;
  // NOLINTNEXTLINE(bugprone-undefined-memory-manipulation): whether it is an object is the question.
  std::memcpy(static_cast<void*>(&vtable), static_cast<const void*>(&stream), sizeof(vtable));
  if (vtable == nullptr) new (&stream) std::ostream(new __gnu_cxx::stdio_sync_filebuf<char>(file));
}

// NOLINTNEXTLINE(cppcoreguidelines-interfaces-global-init): the same.
[[maybe_unused]] const bool made = [] {
  make(std::cerr, stderr);
  make(std::clog, stderr);
  make(std::cout, stdout);
  return true;
}();

}  // namespace
}  // namespace contrastive
#endif
