#include <windows.h>

#include <algorithm>

#include "loader/library.h"

namespace contrastive::loader {
namespace {

std::wstring to_wide(const std::string& text) {
  const int size = static_cast<int>(text.size());
  std::wstring wide(MultiByteToWideChar(CP_UTF8, 0, text.data(), size, nullptr, 0), L'\0');
  MultiByteToWideChar(CP_UTF8, 0, text.data(), size, wide.data(), static_cast<int>(wide.size()));
  return wide;
}

std::string to_utf8(const std::wstring& wide) {
  const int size = static_cast<int>(wide.size());
  std::string text(WideCharToMultiByte(CP_UTF8, 0, wide.data(), size, nullptr, 0, nullptr, nullptr), '\0');
  WideCharToMultiByte(CP_UTF8, 0, wide.data(), size, text.data(), static_cast<int>(text.size()), nullptr, nullptr);
  return text;
}

// LoadLibraryEx takes no slashes.
std::wstring to_path(const std::string& path) {
  std::wstring wide = to_wide(path);
  std::replace(wide.begin(), wide.end(), L'/', L'\\');
  return wide;
}

std::string describe(DWORD code, const std::wstring& path) {
  wchar_t* text = nullptr;
  const DWORD length =
      FormatMessageW(FORMAT_MESSAGE_ALLOCATE_BUFFER | FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS,
                     nullptr, code, 0, reinterpret_cast<wchar_t*>(&text), 0, nullptr);
  std::wstring words = length > 0 ? std::wstring(text, length) : L"unknown error";
  LocalFree(text);
  words.erase(words.find_last_not_of(L" \r\n") + 1);
  // "%1 is not a valid Win32 application."
  if (const size_t place = words.find(L"%1"); place != std::wstring::npos) words.replace(place, 2, L"the file");
  std::string message = to_utf8(words) + " (error " + std::to_string(code) + ")";
  // Windows says neither which library is missing nor that it is another one.
  if (code == ERROR_MOD_NOT_FOUND && GetFileAttributesW(path.c_str()) != INVALID_FILE_ATTRIBUTES)
    message +=
        "; the file is there, so that a library that it needs is "
        "missing: is the Microsoft Visual C++ Redistributable "
        "(x64) installed?";
  return message;
}

}  // namespace

// The search for what the library needs is its own folder, the program's and
// the system's; neither PATH nor the current folder. Failures must not open a
// dialogue, which would stop a service.
void* open_library(const std::string& path, bool, std::string& error) {
  const std::wstring wide = to_path(path);
  DWORD former = 0;
  SetThreadErrorMode(SEM_FAILCRITICALERRORS | SEM_NOOPENFILEERRORBOX, &former);
  const HMODULE library =
      LoadLibraryExW(wide.c_str(), nullptr, LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR | LOAD_LIBRARY_SEARCH_DEFAULT_DIRS);
  const DWORD code = GetLastError();
  SetThreadErrorMode(former, nullptr);
  if (library == nullptr) error = describe(code, wide);
  return library;
}

bool is_open(const std::string& path) {
  const std::wstring wide = to_path(path);
  return GetModuleHandleW(wide.c_str() + wide.rfind(L'\\') + 1) != nullptr;
}

void* find_function(void* library, const char* name) {
  return reinterpret_cast<void*>(GetProcAddress(static_cast<HMODULE>(library), name));
}

}  // namespace contrastive::loader
