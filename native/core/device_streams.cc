#include "core/device_streams.h"

#include <ATen/ATen.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <exception>
#include <map>
#include <mutex>
#include <string_view>
#include <utility>

namespace contrastive {

class DeviceStream {
 public:
  explicit DeviceStream(c10::Stream stream) : stream_(stream), newest_(stream.device_type()) {}

  c10::Stream stream() const { return stream_; }
  int64_t launch() { return ++launched_; }
  std::unique_lock<std::mutex> hold() { return std::unique_lock(mutex_); }

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

  // Any thread.
  void give_back(at::Tensor pinned) {
    const std::lock_guard lock(returned_mutex_);
    returned_.push_back(std::move(pinned));
  }
  // The thread that launches here.
  void free_returned() {
    std::vector<at::Tensor> freed;  // behind the lock
    const std::lock_guard lock(returned_mutex_);
    freed.swap(returned_);
  }

 private:
  const c10::Stream stream_;
  std::atomic<int64_t> launched_{0};
  std::mutex mutex_;
  c10::Event newest_;
  int64_t marked_ = 0;                     // launches before `newest_`
  std::map<c10::StreamId, int64_t> seen_;  // by reader, the launches that it comes after
  std::mutex returned_mutex_;
  std::vector<at::Tensor> returned_;  // pinned memory that others have let go of
};

namespace {

// Never destroyed: threads may outlive static objects.
struct InUse {
  std::mutex mutex;
  std::vector<at::Device> devices;
  std::atomic<size_t> count{0};

  static InUse& get() {
    static auto* const one = new InUse;
    return *one;
  }
};

// What a thread launches on.
struct Own {
  std::vector<std::shared_ptr<DeviceStream>> streams;
  std::exception_ptr refused;  // by a device that gave no queue

  static Own& get() {
    thread_local Own own;
    return own;
  }

  // Null on the CPU, and in a thread that takes none.
  std::shared_ptr<DeviceStream> of(at::Device device) const {
    for (const auto& stream : streams)
      if (stream->stream().device() == device) return stream;
    return nullptr;
  }
};

}  // namespace

void use_device(at::Device device) {
  if (!is_asynchronous(device)) return;
  InUse& in_use = InUse::get();
  const std::lock_guard lock(in_use.mutex);
  std::vector<at::Device>& devices = in_use.devices;
  if (std::find(devices.begin(), devices.end(), device) != devices.end()) return;
  devices.push_back(device);
  in_use.count = devices.size();
}

void take_device_streams(bool is_urgent) noexcept {
  Own& own = Own::get();
  for (const auto& stream : own.streams) stream->free_returned();
  InUse& in_use = InUse::get();
  if (own.streams.size() == in_use.count) return;
  try {
    const std::lock_guard lock(in_use.mutex);
    for (const at::Device device : in_use.devices) {
      if (own.of(device)) continue;
      const c10::impl::VirtualGuardImpl guard(device.type());
      // What names no device is then done on the first one that is used, and makes no context on another.
      if (own.streams.empty()) guard.setDevice(device);
      const c10::Stream stream = guard.getStreamFromGlobalPool(device, is_urgent);
      guard.exchangeStream(stream);
      own.streams.push_back(std::make_shared<DeviceStream>(stream));
    }
    own.refused = nullptr;
  } catch (...) {
    own.refused = std::current_exception();
  }
}

Written written_here(at::Device device) {
  if (!is_asynchronous(device)) return {};
  const Own& own = Own::get();
  std::shared_ptr<DeviceStream> stream = own.of(device);
  if (!stream && own.refused) std::rethrow_exception(own.refused);
  const int64_t launch = stream ? stream->launch() : 0;
  return {std::move(stream), launch};
}

void order_after(const Written& written, const at::Tensor& value) {
  if (!written.by) return;
  const std::shared_ptr<DeviceStream> own = Own::get().of(value.device());
  if (!own || own == written.by) return;
  written.by->order_after(written.launch, own->stream());
  value.record_stream(own->stream());
}

std::unique_lock<std::mutex> hold_own_queue(at::Device device) {
  const std::shared_ptr<DeviceStream> own = Own::get().of(device);
  return own ? own->hold() : std::unique_lock<std::mutex>();
}

at::Tensor freed_here(const at::Tensor& pinned, at::Device device) {
  const std::shared_ptr<DeviceStream> own = Own::get().of(device);
  if (!own) return pinned;
  return at::from_blob(
      pinned.mutable_data_ptr(), pinned.sizes(), pinned.strides(),
      [own, pinned = pinned](void*) mutable { own->give_back(std::move(pinned)); }, pinned.options());
}

bool launches_block() {
  static const char* const variable = std::getenv("CUDA_LAUNCH_BLOCKING");
  static const bool blocks = variable && std::string_view(variable) == "1";
  return blocks;
}

void settle_launches() {
  if (!launches_block()) return;
  for (const auto& own : Own::get().streams) own->stream().synchronize();
}

std::vector<c10::Event> mark_launched(std::optional<at::Device> device) {
  std::vector<c10::Event> marks;
  if (!device || device->is_mps())
    if (at::Context::hasMPS()) c10::impl::VirtualGuardImpl(at::kMPS).synchronizeDevice(0);
  for (const auto& own : Own::get().streams)
    if (!device || own->stream().device() == *device)
      marks.emplace_back(own->stream().device_type()).record(own->stream());
  return marks;
}

}  // namespace contrastive
