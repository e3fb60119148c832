// A variable of glibc 2.32 that libstdc++'s std::shared_ptr reads, to count without atomics while there is one thread.
// Ours, hidden, takes its place: the addon runs on older glibc too, and always has threads.
#include "core/glibc.h"

#ifdef __GLIBC__
// NOLINTBEGIN(bugprone-reserved-identifier): glibc's name for it.
extern "C" {
extern char __libc_single_threaded __attribute__((visibility("hidden")));
char __libc_single_threaded = 0;
}
// NOLINTEND(bugprone-reserved-identifier)
#endif
