#include "core/failure.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <new>
#include <string_view>
#include <utility>

#include "core/device_streams.h"
#include "core/error.h"

namespace contrastive {
namespace {

bool contains(const std::string& text, std::initializer_list<const char*> words) {
  return std::any_of(words.begin(), words.end(),
                     [&](const char* word) { return text.find(word) != std::string::npos; });
}

template <typename... Types>
bool is_one_of(const c10::Error& error) {
  return (... || (dynamic_cast<const Types*>(&error) != nullptr));
}

// Types first. libtorch has one for most mistakes, whose wording then tells shapes from dtypes.
const char* code_of(const c10::Error& error, const std::string& text) {
  if (is_one_of<c10::LinAlgError, c10::DistError>(error)) return kNativeError;
  if (is_one_of<c10::TypeError>(error)) return kDTypeError;
  if (is_one_of<c10::NotImplementedError>(error))
    return contains(text, {"derivative"})              ? kAutogradError
           : contains(text, {"not implemented for '"}) ? kDTypeError
                                                       : kNativeError;
  if (is_one_of<c10::IndexError, c10::ValueError>(error))
    return contains(text, {"must be long"})                  ? kDTypeError
           : contains(text, {"shape", "size", "dim", "Dim"}) ? kShapeError
                                                             : kOptionError;
  if (contains(text, {"INTERNAL ASSERT FAILED", "enforce fail"})) return kNativeError;
  if (contains(text, {"dtype", "scalar type", "data type", "ScalarType"})) return kDTypeError;
  if (contains(text, {"does not require grad", "backward through the graph", "inplace operation", "in-place operation",
                      "derivative"}))
    return kAutogradError;
  if (contains(text,
               {"shape", "size", "dimension", "Dimension", "dim ", "dims", "columns", "D tensor", "-D", "must match"}))
    return kShapeError;
  if (contains(text, {"out of range", "out of bounds"})) return kOptionError;
  return kNativeError;
}

std::string first_paragraph(const std::string& text) {
  const auto end = text.find("\nException raised from");
  return end == std::string::npos ? text : text.substr(0, end);
}

// The CPU's allocator speaks of its source and of errno.
std::string in_plain_words(const std::string& text) {
  constexpr std::string_view kTried = "you tried to allocate ";
  const auto tried = text.find(kTried);
  if (tried == std::string::npos) return text;
  const auto begin = tried + kTried.size();
  return "out of memory: no " + text.substr(begin, text.find(" bytes", begin) - begin) + " bytes for a tensor";
}

// A fault of a device is found late. CUDA's own message says so; other devices' may not.
std::string with_advice(const std::string& text) {
  if (launches_block() || contains(text, {"CUDA_LAUNCH_BLOCKING"})) return text;
  return text +
         ". A device reports this late, of an earlier operation: with CUDA_LAUNCH_BLOCKING=1 in the environment "
         "the error tells which";
}

}  // namespace

Failure describe(std::exception_ptr error, uint64_t job) {
  try {
    std::rethrow_exception(std::move(error));
  } catch (const FailureException& e) {
    return *e.failure;
  } catch (const Error& e) {
    return {e.code(), e.what(), job};
  } catch (const c10::OutOfMemoryError& e) {
    return {kNativeError, std::string("out of device memory: ") + e.what_without_backtrace(), job};
  } catch (const c10::AcceleratorError& e) {
    return {kNativeError, with_advice(first_paragraph(e.what_without_backtrace())), job};
  } catch (const c10::Error& e) {
    const std::string text = first_paragraph(e.what_without_backtrace());
    return {code_of(e, text), in_plain_words(text), job};
  } catch (const std::bad_alloc&) {
    return {kNativeError, "out of memory", job};
  } catch (const std::exception& e) {
    return {kNativeError, e.what(), job};
  } catch (...) {
    return {kNativeError, "an unknown native exception", job};
  }
}

}  // namespace contrastive
