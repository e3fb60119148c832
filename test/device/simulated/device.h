// A device for tests that is none: its memory is the host's, its streams are lists of what they know of each other. It
// takes what a GPU would take and tells what a GPU would show by its slowness or by wrong numbers only: who waited for
// it, and who read on one stream what another has not surely written.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Stream.h>

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
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
  int64_t graph;             // while whose launches were taken down it was made; 0: none's
  std::shared_ptr<char> life = std::make_shared<char>();
};

// A launch of a graph: what it does on the memory, and whose memory that is.
struct Launch {
  struct Use {
    Memory* memory;
    bool is_written;
    int64_t graph;             // of the memory
    std::weak_ptr<char> life;  // gone when the memory is free
  };
  std::string name;
  std::vector<Use> uses;
  std::function<void()> work;
};

// Memory of the host that a device copies to and from when it comes to it.
struct Pinned {
  size_t size;
  bool is_of_graph;  // made while a stream was taken down: when it is freed, no stream is marked
  std::set<c10::StreamId> users;
};

// What is being taken down on a stream. Here the work is done all the same, since the next operations need shapes; at
// the end, memory from before, that of other graphs too, has what it had.
struct Capture {
  int64_t graph = 0;  // its number, from 1
  std::vector<Launch> launches;
  std::map<Memory*, std::vector<uint8_t>> before;
  std::string refusal;  // the first thing that cannot be in a graph

  void keep(Memory* memory);
};

// What a test asks about.
struct Log {
  std::vector<std::string> waits;       // "thread: what", of threads that waited for the device
  std::vector<std::string> races;       // "operation: ...", of operations that read or wrote too early
  std::map<std::string, int> copies;    // "to device", "to host", without a wait
  std::map<std::string, int> launches;  // by stream
  size_t peak_bytes = 0;                // the most that the device held
  int arrivals = 0;                     // events of which somebody was told that they had happened
  int aborts = 0;                       // of collectives
};

// All state; every function of the device holds its lock.
struct Device {
  std::recursive_mutex mutex;
  Log log;
  std::map<c10::StreamId, Clock> known;  // by stream
  std::map<void*, Pinned> pinned;        // by where it begins
  std::map<void*, Clock> events;
  std::set<void*> asked;  // of these, once
  struct Delivery {       // a copy to the host that is under way
    c10::StreamId stream;
    int64_t at;
    std::vector<uint8_t> bytes;
    void* to;
  };
  std::vector<Delivery> deliveries;
  std::map<c10::StreamId, Capture*> captures;
  int graphs = 0;               // that are alive
  bool holds_captures = false;  // before their end, while a test does something else
  bool is_holding = false;      // one
  std::condition_variable_any held_or_let_go;
  size_t bytes = 0;         // that it holds
  int64_t faults_in = 0;    // launches until one fails; 0: none does
  bool has_failed = false;  // one has, which whoever waits next is told

  void throw_fault();  // if there was one

  int64_t launch(c10::StreamId stream) {
    if (faults_in > 0 && --faults_in == 0) has_failed = true;
    return ++known[stream][stream];
  }
  void wait(const std::string& what);         // notes it of this thread
  Capture* capture_of(c10::StreamId stream);  // null unless it is taken down
  // Throws where the stream is being taken down.
  void refuse_in_graph(c10::StreamId stream, const std::string& what);
  void note_use(const std::string& name, Memory* memory, bool is_written, int64_t now);
  void deliver(const Clock& done);      // what has arrived by then
  Pinned* pinned_at(const void* data);  // null for other memory
  bool is_pinned(const void* data);
};

Device& device();

c10::StreamId current_stream();
Memory* memory_of(const at::Tensor& tensor);
// A tensor of the device over the memory of a CPU tensor.
at::Tensor on_device(const at::Tensor& host);

void install_device();
// Tells the addon, whose file that is, how graphs of this device are made.
void provide_graphs(const std::string& core);

}  // namespace simulated
