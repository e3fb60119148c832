// What went wrong in a job, in a form that can wait until somebody reads the result.
#pragma once

#include <cstdint>
#include <exception>
#include <memory>
#include <string>

namespace contrastive {

struct Failure {
  std::string code;
  std::string message;
  uint64_t job = 0;        // the call that enqueued it; JavaScript keeps that call's stack
  int64_t operation = -1;  // where the job replayed a recording: which of its operations
};

using FailurePtr = std::shared_ptr<const Failure>;

// Translates any exception, libtorch's included. The one place where c10::Error becomes an error of ours.
Failure describe(std::exception_ptr error, uint64_t job = 0);

// Thrown where a job reads a slot whose own job failed: the first failure travels on unchanged.
struct FailureException : std::exception {
  explicit FailureException(FailurePtr cause) : failure(std::move(cause)) {}
  const char* what() const noexcept override { return failure->message.c_str(); }
  FailurePtr failure;
};

}  // namespace contrastive
