// Errors that reach JavaScript with a stable code. Codes are those of lib/errors.ts.
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

namespace contrastive {

inline constexpr const char* kOptionError = "ERR_OPTION";
inline constexpr const char* kShapeError = "ERR_SHAPE";
inline constexpr const char* kDTypeError = "ERR_DTYPE";
inline constexpr const char* kDeviceError = "ERR_DEVICE";
inline constexpr const char* kStateError = "ERR_STATE";
inline constexpr const char* kAutogradError = "ERR_AUTOGRAD";
inline constexpr const char* kDataError = "ERR_DATA";
inline constexpr const char* kNonFiniteError = "ERR_NON_FINITE";
inline constexpr const char* kDistributedError = "ERR_DISTRIBUTED";
inline constexpr const char* kAbortedError = "ERR_ABORTED";
inline constexpr const char* kNativeError = "ERR_NATIVE";

class Error : public std::runtime_error {
 public:
  Error(const char* code, const std::string& message) : std::runtime_error(message), code_(code) {}
  const char* code() const { return code_; }

 private:
  const char* code_;
};

// Joins anything that streams into one message.
template <typename... Parts>
std::string message(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

}  // namespace contrastive

// CONTRASTIVE_CHECK(z.dim() == 3, kShapeError, "features must have shape (batch, views, dim), got ", z.sizes());
#define CONTRASTIVE_CHECK(condition, code, ...)                                              \
  do {                                                                                       \
    if (!(condition)) throw ::contrastive::Error(code, ::contrastive::message(__VA_ARGS__)); \
  } while (false)
