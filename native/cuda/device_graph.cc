#include "cuda/device_graph.h"

#include <ATen/core/CachingHostAllocator.h>
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAFunctions.h>

namespace contrastive::cuda {
namespace {

class CudaGraph final : public DeviceGraph {
 public:
  // Relaxed: other threads of this process query events and take memory meanwhile.
  void begin() override {
    device_ = c10::cuda::current_device();
    pool_ = at::cuda::graph_pool_handle();
    try {
      graph_.capture_begin(pool_, cudaStreamCaptureModeRelaxed);
    } catch (...) {
      leave_pool();
      throw;
    }
  }

  void end() override {
    try {
      graph_.capture_end();
    } catch (...) {
      leave_pool();
      throw;
    }
  }

  void replay() override { graph_.replay(); }

 private:
  // After a failure libtorch's allocators would go on with the graph's pool, and ask the graph, which is going to be
  // gone, for whom. To end what libtorch has ended itself throws: it then lets go of the pool with the graph.
  void leave_pool() {
    try {
      c10::cuda::CUDACachingAllocator::endAllocateToPool(device_, pool_);
      c10::cuda::CUDACachingAllocator::releasePool(device_, pool_);
    } catch (...) {
    }
    try {
      leave_pinned_pool(*at::getHostAllocator(at::kCUDA));
    } catch (...) {
    }
  }

  // Of pinned memory, where this libtorch has pools of it.
  template <typename Allocator>
  void leave_pinned_pool([[maybe_unused]] Allocator& pinned) const {
    if constexpr (requires { pinned.end_allocate_to_pool(pool_); }) {
      pinned.end_allocate_to_pool(pool_);
      pinned.release_pool(pool_);
    }
  }

  at::cuda::CUDAGraph graph_;
  c10::DeviceIndex device_ = 0;
  c10::MempoolId_t pool_{};
};

}  // namespace

std::unique_ptr<DeviceGraph> make_device_graph() { return std::make_unique<CudaGraph>(); }

}  // namespace contrastive::cuda
