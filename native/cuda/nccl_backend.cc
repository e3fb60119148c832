#include "cuda/nccl_backend.h"

#include <ATen/Context.h>
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>

#include <chrono>
#include <cstdlib>
#include <tuple>

#include "core/error.h"

namespace contrastive::cuda {
namespace {

// Who waits for a collective decides for how long.
constexpr std::chrono::hours kWithoutEnd{24 * 365};

// The size of NCCL's options, which libtorch's classes hold, grows with its versions.
void check_version() {
  const auto [major, minor, patch] = c10d::getNcclVersionTuple();
  CONTRASTIVE_CHECK(major == NCCL_MAJOR && minor == NCCL_MINOR, kOptionError,
                    "contrastive_cuda.so was compiled for NCCL ", NCCL_MAJOR, ".", NCCL_MINOR, ", and NCCL ", major,
                    ".", minor, ".", patch, " is loaded");
}

// c10d's own thread would end the process where a rank is gone, NCCL takes long, or CUDA reports an error. Only
// variables say that it must not; what a user has set stays.
void leave_errors_to_us() {
  for (const char* name :
       {"TORCH_NCCL_ASYNC_ERROR_HANDLING", "TORCH_NCCL_ENABLE_MONITORING", "TORCH_NCCL_DUMP_ON_TIMEOUT",
        "TORCH_NCCL_PROPAGATE_ERROR", "TORCH_NCCL_RETHROW_CUDA_ERRORS"})
    setenv(name, "0", 0);  // NOLINT(concurrency-mt-unsafe): in the thread that opens the library
}

}  // namespace

void prepare_nccl() {
  check_version();
  leave_errors_to_us();
}

c10::intrusive_ptr<c10d::Backend> make_nccl_backend(const c10::intrusive_ptr<c10d::Store>& store, int rank, int size) {
  at::globalContext().lazyInitDevice(at::kCUDA);
  const auto options = c10d::ProcessGroupNCCL::Options::create();
  options->timeout = kWithoutEnd;
  return c10::make_intrusive<c10d::ProcessGroupNCCL>(store, rank, size, options);
}

}  // namespace contrastive::cuda
