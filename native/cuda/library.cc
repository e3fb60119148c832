#include <torch/version.h>

#include "core/cuda_library.h"
#include "cuda/device_graph.h"
#include "cuda/nccl_backend.h"

// What the loader asks for.
extern "C" __attribute__((visibility("default"))) const contrastive::CudaLibrary* contrastive_cuda_library() {
  static const contrastive::CudaLibrary library{.torch_version = TORCH_VERSION,
                                                .size = sizeof(contrastive::CudaLibrary),
                                                .prepare_nccl = contrastive::cuda::prepare_nccl,
                                                .make_nccl_backend = contrastive::cuda::make_nccl_backend,
                                                .make_device_graph = contrastive::cuda::make_device_graph};
  return &library;
}
