// A graph of a device: a row of launches, taken down once and then launched as one. It needs what libtorch has in its
// libraries for one device only; who opens such a library says how its graphs are made.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>
#include <c10/macros/Export.h>

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace contrastive {

// The calls come from one thread, on one queue, which is not the device's default one: begin(), launches, end(); then
// replay(), on that queue, as often as one likes.
class DeviceGraph {
 public:
  // Frees the graph, and its memory when nobody holds a tensor in it. Work that was launched is done all the same.
  virtual ~DeviceGraph() = default;

  // What is launched on this thread's queue from here on, by autograd's threads too, is taken down and not done.
  // Tensors that are made lie in memory of the graph. Other queues and threads of the host go on as ever: what they ask
  // the device (events, fresh memory) must not spoil what is taken down. (CUDA: cudaStreamCaptureModeRelaxed.)
  virtual void begin() = 0;

  // The end, in any case: after a launch that failed too. Throws where something was asked for that cannot be in a
  // graph, such as a wait for the device; the queue is then as it was before begin().
  virtual void end() = 0;

  // Launches all that was taken down, on the same memory.
  virtual void replay() = 0;
};

using MakeDeviceGraph = std::unique_ptr<DeviceGraph> (*)();

// Null where nobody has said how.
std::unique_ptr<DeviceGraph> make_device_graph(c10::DeviceType type);

// What a graph goes by beside the tensors that its operations are given.
struct HostUse {
  std::vector<at::Tensor> memory;                          // of the host, or kept from earlier calls: it must stay
  std::vector<std::pair<at::Tensor, uint32_t>> unchanged;  // what that was made of, at these versions
};

// Marks this thread for a scope.
class CaptureScope {
 public:
  explicit CaptureScope(HostUse& use);
  ~CaptureScope();
  CaptureScope(const CaptureScope&) = delete;
  CaptureScope& operator=(const CaptureScope&) = delete;
};

// Null unless launches of this thread are being taken down. An operation must then go by shapes, options and memory of
// the device alone, since what it reads on the host would stay as it is now; what it does go by is noted here.
HostUse* captured_use();

}  // namespace contrastive

// Says how graphs are made of devices of a type. For a library beside this one, which finds it by its name; before the
// first recording is replayed there.
extern "C" C10_EXPORT void contrastive_provide_device_graphs(c10::DeviceType type, contrastive::MakeDeviceGraph make);
