// contrastive_cuda.so: what cannot be compiled without CUDA's or NCCL's headers (cuda/). It is opened beside a libtorch
// for CUDA, where it is there; everything else works without it.
#pragma once

#include <torch/csrc/distributed/c10d/Backend.hpp>
#include <torch/csrc/distributed/c10d/Store.hpp>

#include "core/device_graph.h"

namespace contrastive {

struct CudaLibrary {
  // The version of libtorch that it was compiled against. Sizes of libtorch's classes are compiled in.
  const char* torch_version;
  // sizeof(CudaLibrary) where it was compiled: in another build what follows may lie elsewhere.
  size_t size;
  // Once, in the thread that opens the library. Throws kOptionError where the NCCL that is loaded is not the one of the
  // headers.
  void (*prepare_nccl)();
  // NCCL's collectives, between `size` processes that each call this with a CUDA device of their own. Returns before
  // they are connected.
  c10::intrusive_ptr<c10d::Backend> (*make_nccl_backend)(const c10::intrusive_ptr<c10d::Store>& store, int rank,
                                                         int size);
  MakeDeviceGraph make_device_graph;
};

// Null where it is not there.
const CudaLibrary* cuda_library();

// Throws kStateError where the library was compiled against another libtorch than the core, or is of another build, and
// what `prepare_nccl` does; of the latter, device graphs are then there, and cuda_library() is null.
void use_cuda_library(const CudaLibrary& library);

}  // namespace contrastive
