// Included before everything else (CMakeLists.txt): names what the addon takes from glibc and libstdc++ by the first
// version that they had, so that a build on a new distribution runs on glibc 2.28, as libtorch itself does. Each of
// these has got a newer version since, whose behaviour is the same for us. test/package/elf.test.ts says which line is
// missing.
#pragma once

#ifdef __linux__
#include <features.h>
#endif

#ifdef __GLIBC__
#if defined(__x86_64__)
#define CONTRASTIVE_GLIBC_FIRST "GLIBC_2.2.5"
#define CONTRASTIVE_GLIBC_SETNAME "GLIBC_2.12"
#elif defined(__aarch64__)
#define CONTRASTIVE_GLIBC_FIRST "GLIBC_2.17"
#define CONTRASTIVE_GLIBC_SETNAME "GLIBC_2.17"
#endif
#endif

#ifdef CONTRASTIVE_GLIBC_FIRST
// NOLINTBEGIN(portability-no-assembler): a symbol's version has no other spelling.
#define CONTRASTIVE_BIND(symbol, version) __asm__(".symver " symbol "," symbol "@" version)
CONTRASTIVE_BIND("dladdr", CONTRASTIVE_GLIBC_FIRST);
CONTRASTIVE_BIND("dlerror", CONTRASTIVE_GLIBC_FIRST);
CONTRASTIVE_BIND("dlopen", CONTRASTIVE_GLIBC_FIRST);
CONTRASTIVE_BIND("dlsym", CONTRASTIVE_GLIBC_FIRST);
CONTRASTIVE_BIND("exp", CONTRASTIVE_GLIBC_FIRST);
CONTRASTIVE_BIND("log", CONTRASTIVE_GLIBC_FIRST);
CONTRASTIVE_BIND("pow", CONTRASTIVE_GLIBC_FIRST);
CONTRASTIVE_BIND("pthread_setname_np", CONTRASTIVE_GLIBC_SETNAME);
// std::condition_variable::wait, which became noexcept in gcc 12.
CONTRASTIVE_BIND("_ZNSt18condition_variable4waitERSt11unique_lockISt5mutexE", "GLIBCXX_3.4.11");
// NOLINTEND(portability-no-assembler)
#undef CONTRASTIVE_BIND
#endif
