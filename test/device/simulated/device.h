// A device for tests that is none: its memory is the host's, its streams are lists of what they know of each other. It
// takes what a GPU would take and tells what a GPU would show by its slowness or by wrong numbers only: who waited for
// it, and who read on one stream what another has not surely written.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Stream.h>

#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace simulated {

constexpr c10::DeviceType kType = c10::DeviceType::PrivateUse1;

// What has been launched on each stream, by its number: as far as somebody knows it to be done.
using Clock = std::map<c10::StreamId, int64_t>;

// Memory of the device. `tensor` owns it, on the CPU.
struct Memory {
  explicit Memory(at::Tensor host);
  ~Memory();  // notes a race where another stream may use it still

  at::Tensor tensor;
  c10::StreamId made_by, written_by;
  int64_t written_at;
  Clock users;               // other streams that read or wrote it last when
  bool is_recorded = false;  // by record_stream: the device keeps it until they are done
};

// What a test asks about.
struct Log {
  std::vector<std::string> waits;       // "thread: what", of threads that waited for the device
  std::vector<std::string> races;       // "operation: ...", of operations that read or wrote too early
  std::map<std::string, int> copies;    // "to device", "to host", without a wait
  std::map<std::string, int> launches;  // by stream
  int arrivals = 0;                     // events of which somebody was told that they had happened
  int64_t most_bytes = 0;               // of memory at once
};

// All state; every function of the device holds its lock.
struct Device {
  std::recursive_mutex mutex;
  Log log;
  int64_t bytes = 0;                     // of memory
  std::map<c10::StreamId, Clock> known;  // by stream
  std::map<void*, size_t> pinned;        // begin, size
  std::map<void*, Clock> events;
  std::set<void*> asked;  // of these, once
  struct Delivery {       // a copy to the host that is under way
    c10::StreamId stream;
    int64_t at;
    std::vector<uint8_t> bytes;
    void* to;
  };
  std::vector<Delivery> deliveries;

  int64_t launch(c10::StreamId stream) { return ++known[stream][stream]; }
  void wait(const std::string& what);  // notes it of this thread
  void deliver(const Clock& done);     // what has arrived by then
  bool is_pinned(const void* data);
};

Device& device();

c10::StreamId current_stream();
Memory* memory_of(const at::Tensor& tensor);
// A tensor of the device over the memory of a CPU tensor.
at::Tensor on_device(const at::Tensor& host);

void install_device();

}  // namespace simulated
