#include "core/cuda_library.h"

#include <torch/version.h>

#include <atomic>
#include <string>

#include "core/error.h"

namespace contrastive {
namespace {

std::atomic<const CudaLibrary*> library_in_use = nullptr;

}  // namespace

const CudaLibrary* cuda_library() { return library_in_use; }

void use_cuda_library(const CudaLibrary& library) {
  CONTRASTIVE_CHECK(library.torch_version == std::string(TORCH_VERSION), kStateError,
                    "it was compiled against libtorch ", library.torch_version, ", the addon against " TORCH_VERSION);
  CONTRASTIVE_CHECK(library.size == sizeof(CudaLibrary), kStateError,
                    "it is of another build of this package than the addon");
  contrastive_provide_device_graphs(c10::DeviceType::CUDA, library.make_device_graph);
  library.prepare_nccl();
  library_in_use = &library;
}

}  // namespace contrastive
