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
      leave_pools();
      throw;
    }
  }

  void end() override {
    try {
      graph_.capture_end();
    } catch (...) {
      leave_pools();
      throw;
    }
  }

  void replay() override { graph_.replay(); }

 private:
  // After a failure libtorch's allocators may go on with the graph's pools, of the device and of pinned memory, and ask
  // the graph, which is going to be gone, for whom. How far libtorch came is not known: to end what it has ended
  // throws. A pool that it was done with it releases with the graph.
  void leave_pools() {
    namespace of_device = c10::cuda::CUDACachingAllocator;
    attempt([&] { of_device::endAllocateToPool(device_, pool_); });
    attempt([&] { end_pinned_pool(*at::getHostAllocator(at::kCUDA)); });
    if (is_released_with_graph()) return;
    attempt([&] { of_device::releasePool(device_, pool_); });
    attempt([&] { release_pinned_pool(*at::getHostAllocator(at::kCUDA)); });
  }

  template <typename Work>
  static bool attempt(const Work& work) {
    try {
      work();
      return true;
    } catch (...) {
      return false;
    }
  }

  // Not every libtorch has pools of pinned memory.
  template <typename Allocator>
  void end_pinned_pool([[maybe_unused]] Allocator& pinned) const {
    if constexpr (requires { pinned.end_allocate_to_pool(pool_); }) pinned.end_allocate_to_pool(pool_);
  }
  template <typename Allocator>
  void release_pinned_pool([[maybe_unused]] Allocator& pinned) const {
    if constexpr (requires { pinned.release_pool(pool_); }) pinned.release_pool(pool_);
  }

  bool is_released_with_graph() {
    return attempt([&] { graph_.pool(); });  // which throws before the end of what is taken down
  }

  at::cuda::CUDAGraph graph_;
  c10::DeviceIndex device_ = 0;
  c10::MempoolId_t pool_{};
};

}  // namespace

std::unique_ptr<DeviceGraph> make_device_graph() { return std::make_unique<CudaGraph>(); }

}  // namespace contrastive::cuda
