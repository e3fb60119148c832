// Shared libraries as the system opens them: library_posix.cc, library_windows.cc. Paths and messages are UTF-8.
#pragma once

#include <string>

namespace contrastive::loader {

// Opens the library at an absolute path, for good; nullptr with the system's words in `error`. Libraries that it needs
// are found by name among those that are open, and beside it. `deepbind` is for Linux.
void* open_library(const std::string& path, bool deepbind, std::string& error);

// Whether a library of this file name is open in the process, from whatever folder.
bool is_open(const std::string& path);

// nullptr where the library exports nothing of that name.
void* find_function(void* library, const char* name);

}  // namespace contrastive::loader
