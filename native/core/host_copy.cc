#include "core/host_copy.h"

#include <ATen/ATen.h>

#include <map>
#include <mutex>

#include "core/device_graph.h"
#include "core/device_streams.h"
#include "core/error.h"
#include "core/version.h"

namespace contrastive {
namespace {

constexpr size_t kMostKnown = 1 << 20;  // bytes

struct Known {
  c10::weak_intrusive_ptr<at::TensorImpl> tensor;
  uint32_t version;
  at::Tensor host;
};

// Never destroyed: libtorch's own statics may go before it.
struct KnownTensors {
  std::mutex mutex;
  std::map<const at::TensorImpl*, Known> all;
  size_t swept = 0;  // the size at which those that have gone are looked for

  static KnownTensors& get() {
    static auto* const one = new KnownTensors;
    return *one;
  }
};

}  // namespace

bool is_pinned_for(at::Device device, size_t bytes) { return is_asynchronous(device) && bytes <= kMostPinned; }

at::Tensor send(const at::Tensor& tensor, at::Device device) {
  // Pinning passes no gradients.
  const bool is_waited = !tensor.is_cpu() || tensor.requires_grad() || !is_pinned_for(device, tensor.nbytes());
  if (is_waited) return tensor.to(device);
  const at::Tensor pinned = tensor.contiguous().pin_memory();
  if (HostUse* use = captured_use()) use->memory.push_back(pinned);
  return pinned.to(device, tensor.scalar_type(), /*non_blocking=*/true);
}

at::Tensor send_known(const at::Tensor& host, at::Device device) {
  at::Tensor sent = send(host, device);
  if (sent.is_cpu() || sent.is_meta() || host.nbytes() > kMostKnown) return sent;
  KnownTensors& known = KnownTensors::get();
  const std::lock_guard lock(known.mutex);
  if (known.all.size() >= known.swept) {
    std::erase_if(known.all, [](const auto& item) { return item.second.tensor.expired(); });
    known.swept = 2 * known.all.size() + 16;
  }
  known.all.insert_or_assign(
      sent.unsafeGetTensorImpl(),
      Known{c10::weak_intrusive_ptr<at::TensorImpl>(sent.getIntrusivePtr()), version_of(sent), host});
  return sent;
}

std::optional<at::Tensor> known_on_host(const at::Tensor& tensor) {
  if (tensor.is_cpu()) return tensor;
  if (captured_use()) return std::nullopt;  // the next values would not be seen
  KnownTensors& known = KnownTensors::get();
  const std::lock_guard lock(known.mutex);
  const auto found = known.all.find(tensor.unsafeGetTensorImpl());
  if (found == known.all.end()) return std::nullopt;
  const Known& entry = found->second;
  if (entry.tensor.expired() || entry.version != version_of(tensor)) return std::nullopt;
  return entry.host;
}

at::Tensor on_host(const at::Tensor& tensor) {
  if (const std::optional<at::Tensor> known = known_on_host(tensor)) return *known;
  CONTRASTIVE_CHECK(!captured_use(), kStateError, "numbers of the device are looked at");
  return tensor.cpu();
}

}  // namespace contrastive
