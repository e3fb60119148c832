#include "device.h"

#include <ATen/ATen.h>
#include <ATen/detail/PrivateUse1HooksInterface.h>
#include <c10/core/Allocator.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <pthread.h>

#include <array>
#include <cstdlib>

namespace simulated {
namespace {

const c10::Device kDevice(kType, 0);

thread_local c10::StreamId stream_of_thread = 0;

std::string thread_name() {
  std::array<char, 16> name{};
  pthread_getname_np(pthread_self(), name.data(), name.size());
  return name.data();
}

// The newest of both, stream by stream.
void learn(Clock& clock, const Clock& other) {
  for (const auto& [stream, time] : other) clock[stream] = std::max(clock[stream], time);
}

struct Guard final : c10::impl::DeviceGuardImplInterface {
  c10::DeviceType type() const override { return kType; }
  c10::Device exchangeDevice(c10::Device) const override { return kDevice; }
  c10::Device getDevice() const override { return kDevice; }
  void setDevice(c10::Device) const override {}
  void uncheckedSetDevice(c10::Device) const noexcept override {}
  c10::DeviceIndex deviceCount() const noexcept override { return 1; }

  c10::Stream getStream(c10::Device) const override { return stream(stream_of_thread); }
  c10::Stream getDefaultStream(c10::Device) const override { return stream(0); }
  c10::Stream getNewStream(c10::Device, int) const override {
    static std::atomic<c10::StreamId> made{0};
    return stream(++made);
  }
  c10::Stream getStreamFromGlobalPool(c10::Device device, bool) const override { return getNewStream(device, 0); }
  c10::Stream exchangeStream(c10::Stream given) const override {
    return stream(std::exchange(stream_of_thread, given.id()));
  }
  bool queryStream(const c10::Stream&) const override { return false; }
  void synchronizeStream(const c10::Stream& given) const override {
    const std::lock_guard lock(device().mutex);
    device().wait("synchronizeStream");
    device().deliver(device().known[given.id()]);
    device().throw_fault();
  }
  void synchronizeDevice(c10::DeviceIndex) const override {
    const std::lock_guard lock(device().mutex);
    device().wait("synchronizeDevice");
    for (const auto& [id, clock] : device().known) device().deliver(clock);
    device().throw_fault();
  }
  void recordDataPtrOnStream(const c10::DataPtr&, const c10::Stream&) const override {}

  void record(void** event, const c10::Stream& given, const c10::DeviceIndex, const c10::EventFlag) const override {
    const std::lock_guard lock(device().mutex);
    device().refuse_in_graph(given.id(), "an event on the stream");
    if (!*event) *event = new char;
    device().events[*event] = device().known[given.id()];
  }
  void block(void* event, const c10::Stream& given) const override {
    const std::lock_guard lock(device().mutex);
    device().refuse_in_graph(given.id(), "an event of another stream");
    learn(device().known[given.id()], device().events[event]);
  }
  // Not done at the first question: nobody is ever as fast as a host that asks.
  bool queryEvent(void* event) const override {
    const std::lock_guard lock(device().mutex);
    if (device().asked.insert(event).second) return false;
    device().asked.erase(event);
    device().deliver(device().events[event]);
    ++device().log.arrivals;
    device().throw_fault();
    return true;
  }
  void synchronizeEvent(void* event) const override {
    const std::lock_guard lock(device().mutex);
    device().wait("synchronizeEvent");
    device().deliver(device().events[event]);
    device().throw_fault();
  }
  void destroyEvent(void* event, const c10::DeviceIndex) const noexcept override {
    const std::lock_guard lock(device().mutex);
    device().events.erase(event);
    device().asked.erase(event);
    delete static_cast<char*>(event);
  }

 private:
  static c10::Stream stream(c10::StreamId id) { return c10::Stream(c10::Stream::UNSAFE, kDevice, id); }
};

C10_REGISTER_GUARD_IMPL(PrivateUse1, Guard)

struct DeviceMemory final : c10::Allocator {
  c10::DataPtr allocate(size_t size) override {
    const at::Tensor made = on_device(at::empty({static_cast<int64_t>(size)}, at::kByte));
    return made.storage().unsafeGetStorageImpl()->set_data_ptr(c10::DataPtr());
  }
  void copy_data(void* to, const void* from, size_t count) const override { default_copy_data(to, from, count); }
};

struct PinnedMemory final : c10::Allocator {
  c10::DataPtr allocate(size_t size) override {
    void* data = std::malloc(std::max<size_t>(size, 1));
    const std::lock_guard lock(device().mutex);
    const bool is_of_graph = device().capture_of(stream_of_thread) != nullptr;
    device().pinned[data] = {std::max<size_t>(size, 1), is_of_graph, {}};
    return {data, data, &free_pinned, c10::Device(c10::kCPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &free_pinned; }
  void copy_data(void* to, const void* from, size_t count) const override { default_copy_data(to, from, count); }
  // As libtorch's, which marks the streams that have used it, whichever thread frees it.
  static void free_pinned(void* data) {
    const std::lock_guard lock(device().mutex);
    const Pinned& freed = device().pinned.at(data);
    for (const c10::StreamId stream : freed.users)
      if (!freed.is_of_graph && device().capture_of(stream))
        device().log.races.push_back("pinned memory freed while stream " + std::to_string(stream) + " is taken down");
    device().pinned.erase(data);
    std::free(data);
  }
};

struct Hooks final : at::PrivateUse1HooksInterface {
  bool isBuilt() const override { return true; }
  bool isAvailable() const override { return true; }
  bool hasPrimaryContext(c10::DeviceIndex) const override { return true; }
  bool isPinnedPtr(const void* data) const override { return device().is_pinned(data); }
  c10::Allocator* getPinnedMemoryAllocator() const override {
    static PinnedMemory memory;
    return &memory;
  }
  c10::DeviceIndex deviceCount() const override { return 1; }
  c10::DeviceIndex getCurrentDevice() const override { return 0; }
  void setCurrentDevice(c10::DeviceIndex) const override {}
  c10::DeviceIndex exchangeDevice(c10::DeviceIndex) const override { return 0; }
  c10::DeviceIndex maybeExchangeDevice(c10::DeviceIndex) const override { return 0; }
};

}  // namespace

Device& device() {
  static auto* const one = new Device;  // threads may outlive static objects
  return *one;
}

void Device::wait(const std::string& what) {
  refuse_in_graph(stream_of_thread, what);
  log.waits.push_back(thread_name() + ": " + what);
}

Capture* Device::capture_of(c10::StreamId stream) {
  const auto found = captures.find(stream);
  return found == captures.end() ? nullptr : found->second;
}

void Device::refuse_in_graph(c10::StreamId stream, const std::string& what) {
  Capture* capture = capture_of(stream);
  if (!capture) return;
  if (capture->refusal.empty()) capture->refusal = what;
  TORCH_CHECK(false, "not permitted while a stream is captured: ", what);
}

// Whoever is read must have been written for this stream; after it, what may have been written is.
void Device::note_use(const std::string& name, Memory* memory, bool is_written, int64_t now) {
  const c10::StreamId stream = current_stream();
  if (memory->written_by != stream && known[stream][memory->written_by] < memory->written_at)
    log.races.push_back(name + ": on stream " + std::to_string(stream) + " before stream " +
                        std::to_string(memory->written_by) + " has written it");
  if (stream != memory->made_by) memory->users[stream] = now;
  if (!is_written) return;
  memory->written_by = stream;
  memory->written_at = now;
}

void Device::deliver(const Clock& done) {
  std::erase_if(deliveries, [&](const Delivery& delivery) {
    const auto time = done.find(delivery.stream);
    if (time == done.end() || time->second < delivery.at) return false;
    std::memcpy(delivery.to, delivery.bytes.data(), delivery.bytes.size());
    return true;
  });
}

void Device::throw_fault() {
  if (std::exchange(has_failed, false))
    throw c10::AcceleratorError({__func__, __FILE__, __LINE__}, 710, "a simulated fault");
}

Pinned* Device::pinned_at(const void* data) {
  auto after = pinned.upper_bound(const_cast<void*>(data));
  if (after == pinned.begin()) return nullptr;
  auto& [begin, block] = *--after;
  return static_cast<const char*>(data) < static_cast<const char*>(begin) + block.size ? &block : nullptr;
}

bool Device::is_pinned(const void* data) {
  const std::lock_guard lock(mutex);
  return pinned_at(data) != nullptr;
}

c10::StreamId current_stream() { return stream_of_thread; }

Memory* memory_of(const at::Tensor& tensor) { return static_cast<Memory*>(tensor.storage().data_ptr().get_context()); }

Memory::Memory(at::Tensor host) : tensor(std::move(host)), made_by(current_stream()), written_by(made_by) {
  const std::lock_guard lock(device().mutex);
  written_at = device().known[made_by][made_by];
  const Capture* capture = device().capture_of(made_by);
  graph = capture ? capture->graph : 0;
  device().bytes += tensor.storage().nbytes();
  device().log.peak_bytes = std::max(device().log.peak_bytes, device().bytes);
}

Memory::~Memory() {
  const std::lock_guard lock(device().mutex);
  for (const auto& [stream, capture] : device().captures) capture->before.erase(this);
  device().bytes -= tensor.storage().nbytes();
  for (const auto& [stream, time] : users)
    if (stream != made_by && !is_recorded && device().known[made_by][stream] < time)
      device().log.races.push_back("memory of stream " + std::to_string(made_by) +
                                   " is free for it again while stream " + std::to_string(stream) + " uses it");
}

at::Tensor on_device(const at::Tensor& host) {
  const at::Tensor whole = host.storage_offset() == 0 ? host : host.clone();
  c10::DataPtr data(
      whole.storage().mutable_data(), new Memory(whole), [](void* owner) { delete static_cast<Memory*>(owner); },
      kDevice);
  c10::Storage storage(c10::Storage::use_byte_size_t(), whole.storage().nbytes(), std::move(data),
                       c10::GetAllocator(kType), /*resizable=*/false);
  at::Tensor result = at::detail::make_tensor<c10::TensorImpl>(
      std::move(storage), c10::DispatchKeySet{c10::DispatchKey::PrivateUse1, c10::DispatchKey::AutogradPrivateUse1},
      whole.dtype());
  result.unsafeGetTensorImpl()->set_sizes_and_strides(whole.sizes(), whole.strides());
  return result;
}

void install_device() {
  static DeviceMemory memory;
  static Hooks hooks;
  c10::SetAllocator(kType, &memory);
  at::RegisterPrivateUse1HooksInterface(&hooks);
  c10::register_privateuse1_backend("simulated");
}

}  // namespace simulated
