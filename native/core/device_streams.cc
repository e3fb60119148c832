#include "core/device_streams.h"

#include <ATen/ATen.h>
#include <ATen/DeviceAccelerator.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>

namespace contrastive {

class DeviceStream {
 public:
  explicit DeviceStream(c10::Stream stream) : stream_(stream), newest_(stream.device_type()) {}

  c10::Stream stream() const { return stream_; }
  int64_t launch() { return ++launched_; }

  // An event serves all readers of what was launched before it: who reads the same weights again need not wait again.
  void order_after(int64_t launch, c10::Stream reader) {
    const std::lock_guard lock(mutex_);
    int64_t& seen = seen_[reader.id()];
    if (seen >= launch) return;
    if (marked_ < launch) {
      marked_ = launched_;
      newest_.record(stream_);
    }
    newest_.block(reader);
    seen = marked_;
  }

 private:
  const c10::Stream stream_;
  std::atomic<int64_t> launched_{0};
  std::mutex mutex_;
  c10::Event newest_;
  int64_t marked_ = 0;                     // launches before `newest_`
  std::map<c10::StreamId, int64_t> seen_;  // by reader, the launches that it comes after
};

namespace {

std::mutex mutex;
std::vector<at::Device> devices;  // in use
std::atomic<size_t> device_count{0};

using Own = std::map<at::DeviceIndex, std::shared_ptr<DeviceStream>>;

Own& own_streams() {
  thread_local Own own;
  return own;
}

// Of this thread; null where it has none, as on the CPU.
DeviceStream* own_stream(at::Device device) {
  if (!is_asynchronous(device)) return nullptr;
  const auto found = own_streams().find(device.index());
  return found == own_streams().end() ? nullptr : found->second.get();
}

}  // namespace

void use_device(at::Device device) {
  if (!is_asynchronous(device)) return;
  const std::lock_guard lock(mutex);
  if (std::find(devices.begin(), devices.end(), device) != devices.end()) return;
  devices.push_back(device);
  device_count = devices.size();
}

void take_device_streams(bool is_urgent) {
  Own& own = own_streams();
  if (own.size() == device_count) return;
  const std::lock_guard lock(mutex);
  for (const at::Device device : devices) {
    if (own.count(device.index())) continue;
    const c10::impl::VirtualGuardImpl guard(device.type());
    const c10::Stream stream = guard.getStreamFromGlobalPool(device, is_urgent);
    guard.exchangeStream(stream);
    own.emplace(device.index(), std::make_shared<DeviceStream>(stream));
  }
}

Written written_here(at::Device device) {
  if (!own_stream(device)) return {};
  const std::shared_ptr<DeviceStream>& own = own_streams()[device.index()];
  return {own, own->launch()};
}

void order_after(const Written& written, const at::Tensor& value) {
  if (!written.by) return;
  const DeviceStream* const own = own_stream(value.device());
  if (!own || own == written.by.get()) return;
  written.by->order_after(written.launch, own->stream());
  value.record_stream(own->stream());
}

std::vector<c10::Event> mark_launched(std::optional<at::Device> device) {
  std::vector<c10::Event> marks;
  if (!device || device->is_mps())
    if (at::Context::hasMPS()) c10::impl::VirtualGuardImpl(at::kMPS).synchronizeDevice(0);
  for (const auto& [index, own] : own_streams()) {
    if (device && own->stream().device() != *device) continue;
    marks.emplace_back(own->stream().device_type()).record(own->stream());
  }
  return marks;
}

}  // namespace contrastive
