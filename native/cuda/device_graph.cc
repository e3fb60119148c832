#include "cuda/device_graph.h"

#include <ATen/cuda/CUDAGraph.h>

namespace contrastive::cuda {
namespace {

class CudaGraph final : public DeviceGraph {
 public:
  // Relaxed: other threads of this process query events and take memory meanwhile.
  void begin() override { graph_.capture_begin({0, 0}, cudaStreamCaptureModeRelaxed); }
  void end() override { graph_.capture_end(); }
  void replay() override { graph_.replay(); }

 private:
  at::cuda::CUDAGraph graph_;
};

}  // namespace

std::unique_ptr<DeviceGraph> make_device_graph() { return std::make_unique<CudaGraph>(); }

}  // namespace contrastive::cuda
