// What stands in for NCCL, as contrastive_cuda.so has it: gloo's collectives in the memory of the device, which is the
// host's.
#include <ATen/ATen.h>
#include <torch/version.h>

#include "core/cuda_library.h"
#include "device.h"
#include "distributed/gloo_backend.h"

namespace simulated {
namespace {

using BackendPtr = c10::intrusive_ptr<c10d::Backend>;
using WorkPtr = c10::intrusive_ptr<c10d::Work>;

at::Tensor on_host(const at::Tensor& tensor) {
  return at::from_blob(tensor.data_ptr(), tensor.sizes(), at::TensorOptions(tensor.scalar_type()));
}

// Whether it is done, as a host that waits for it asks. What comes after it on a stream comes after it here at once.
class Collective final : public c10d::Work {
 public:
  explicit Collective(WorkPtr gloo) : gloo_(std::move(gloo)) {}

  bool isCompleted() override {
    const std::lock_guard lock(device().mutex);
    device().wait("a collective");
    return gloo_->isCompleted();
  }
  std::exception_ptr exception() const override { return gloo_->exception(); }
  bool wait(std::chrono::milliseconds time) override { return gloo_->wait(time); }

 private:
  WorkPtr gloo_;
};

class Collectives final : public c10d::Backend {
 public:
  explicit Collectives(const BackendPtr& gloo) : Backend(gloo->getRank(), gloo->getSize()), gloo_(gloo) {}

  const std::string getBackendName() const override { return "simulated"; }
  WorkPtr allreduce(std::vector<at::Tensor>& tensors, const c10d::AllreduceOptions& options) override {
    launch();
    std::vector<at::Tensor> host{on_host(tensors[0])};
    return c10::make_intrusive<Collective>(gloo_->allreduce(host, options));
  }
  WorkPtr broadcast(std::vector<at::Tensor>& tensors, const c10d::BroadcastOptions& options) override {
    std::vector<at::Tensor> host{on_host(tensors[0])};
    return c10::make_intrusive<Collective>(gloo_->broadcast(host, options));
  }
  WorkPtr _allgather_base(at::Tensor& output, at::Tensor& input, const c10d::AllgatherOptions& options) override {
    at::Tensor to = on_host(output), from = on_host(input);
    return c10::make_intrusive<Collective>(gloo_->_allgather_base(to, from, options));
  }
  void abort() override {
    const std::lock_guard lock(device().mutex);
    ++device().log.aborts;
  }

 private:
  // Which may be the one that fails.
  static void launch() {
    const c10::StreamId stream = current_stream();
    const std::lock_guard lock(device().mutex);
    device().launch(stream);
    device().throw_fault();
  }

  BackendPtr gloo_;
};

BackendPtr make_backend(const c10::intrusive_ptr<c10d::Store>& store, int rank, int size) {
  constexpr std::chrono::seconds kToConnect{60};
  const auto gloo = contrastive::distributed::make_gloo_backend(store, rank, size, "127.0.0.1", kToConnect);
  return c10::make_intrusive<Collectives>(gloo);
}

}  // namespace
}  // namespace simulated

extern "C" __attribute__((visibility("default"))) const contrastive::CudaLibrary* contrastive_cuda_library() {
  static const contrastive::CudaLibrary library{.torch_version = TORCH_VERSION,
                                                .size = sizeof(contrastive::CudaLibrary),
                                                .prepare_nccl = [] {},
                                                .make_nccl_backend = simulated::make_backend,
                                                .make_device_graph = nullptr};
  return &library;
}
