// Graphs of the device: launches that are taken down, and done again at each replay on the same memory. What a replay
// reads that is free by then is noted as a race.
#include <ATen/ATen.h>
#include <dlfcn.h>

#include <atomic>

#include "core/device_graph.h"
#include "device.h"

namespace simulated {
namespace {

class Graph final : public contrastive::DeviceGraph {
 public:
  Graph() {
    static std::atomic<int64_t> made{0};
    capture_.graph = ++made;
    count(1);
  }
  ~Graph() override {
    stop();
    count(-1);
  }

  void begin() override {
    const std::lock_guard lock(device().mutex);
    stream_ = current_stream();
    TORCH_CHECK(stream_ != 0, "the default stream cannot be captured");
    device().captures[stream_] = &capture_;
  }

  void end() override {
    std::unique_lock lock(device().mutex);
    device().is_holding = device().holds_captures;
    device().held_or_let_go.notify_all();
    device().held_or_let_go.wait(lock, [] { return !device().holds_captures; });
    stop();
    for (const auto& [memory, bytes] : capture_.before)
      std::memcpy(memory->tensor.storage().mutable_data(), bytes.data(), bytes.size());
    capture_.before.clear();
    TORCH_CHECK(capture_.refusal.empty(), "the capture was spoilt by ", capture_.refusal);
  }

  void replay() override {
    {
      const std::lock_guard lock(device().mutex);
      const int64_t now = device().launch(current_stream());
      ++device().log.launches[std::to_string(current_stream())];
      for (const Launch& launch : capture_.launches)
        for (const Launch::Use& use : launch.uses)
          if (!use.life.expired())
            device().note_use("a graph's " + launch.name, use.memory, use.is_written, now);
          else if (use.graph != capture_.graph)
            device().log.races.push_back("a graph's " + launch.name + ": on memory that is free");
    }
    for (const Launch& launch : capture_.launches) launch.work();
  }

 private:
  static void count(int change) {
    const std::lock_guard lock(device().mutex);
    device().graphs += change;
  }

  void stop() {
    const std::lock_guard lock(device().mutex);
    if (device().capture_of(stream_) == &capture_) device().captures.erase(stream_);
  }

  c10::StreamId stream_ = 0;
  Capture capture_;
};

std::unique_ptr<contrastive::DeviceGraph> make_graph() { return std::make_unique<Graph>(); }

}  // namespace

void Capture::keep(Memory* memory) {
  if (memory->graph == graph || before.contains(memory)) return;
  const auto* first = static_cast<const uint8_t*>(memory->tensor.storage().data());
  before[memory].assign(first, first + memory->tensor.storage().nbytes());
}

void provide_graphs(const std::string& core) {
  void* library = dlopen(core.c_str(), RTLD_LAZY | RTLD_NOLOAD);
  TORCH_CHECK(library, core, " is not open");
  void* provide = dlsym(library, "contrastive_provide_device_graphs");
  TORCH_CHECK(provide, core, " has no graphs");
  reinterpret_cast<decltype(&contrastive_provide_device_graphs)>(provide)(kType, &make_graph);
}

}  // namespace simulated
