// Threads that may be refused: their number is limited, or the memory for their stacks.
#pragma once

#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "core/error.h"

#ifdef __linux__
#include <pthread.h>
#endif

namespace contrastive {

// Throws kNativeError where the system gives none.
template <typename Body>
std::thread start_thread(const std::string& purpose, Body body) {
  try {
    return std::thread(std::move(body));
  } catch (const std::system_error& error) {
    throw Error(kNativeError, message("cannot start a thread for ", purpose, ": ", error.code().message(),
                                      "; is the number of threads or the memory limited (ulimit, a container)?"));
  }
}

// This thread's, as debuggers and `top -H` show it: at most 15 characters.
inline void name_thread(const std::string& name) {
#ifdef __linux__
  pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());
#endif
}

}  // namespace contrastive
