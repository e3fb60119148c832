// Queues of a device. Work that is launched on one is done in order and later than the launch; each of our streams has
// its own, so that a request to an embedder does not stand behind a training. What crosses from one to another is
// waited for on the device: no thread of the host waits.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>
#include <c10/core/Event.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace contrastive {

class DeviceStream;

// Whether an operation on the device returns before it is done, and copies to pinned memory do too: CUDA's, and those
// of devices that register with libtorch. Metal's is waited for by libtorch itself.
inline bool is_asynchronous(at::Device device) { return device.is_cuda() || device.is_privateuseone(); }

// JavaScript thread: tensors of this device are going to be made. Every stream then takes a queue of the device.
void use_device(at::Device device);

// The thread of a stream, before each job: from here on it launches on queues of its own, and what others have let go
// of in the meantime (freed_here) is freed. `is_urgent`: the device does their work before other queues'. Where a
// device gives none (its memory is full), jobs on it fail with what it said.
void take_device_streams(bool is_urgent) noexcept;

// By which queue a tensor was written, and when.
struct Written {
  std::shared_ptr<DeviceStream> by;  // null on the CPU
  int64_t launch = 0;
};

// By this thread, which has just launched the work. Throws what the device said where it gave no queue.
Written written_here(at::Device device);

// Work that this thread launches from here on comes after the work that wrote `value`, whose memory stays until it is
// done. The first time it comes after all that the other queue has been given by now.
void order_after(const Written& written, const at::Tensor& value);

// While the lock is held no other thread marks this thread's queue of the device, which would be taken down with a
// graph.
std::unique_lock<std::mutex> hold_own_queue(at::Device device);

// For other threads: the same memory, which this thread's queue of the device has been given work on. Whoever lets go
// of it, this thread frees it, before its next job. libtorch marks the queue of pinned memory that is freed, and the
// mark would be taken down with a graph.
at::Tensor freed_here(const at::Tensor& pinned, at::Device device);

// Whether every operation is waited for (CUDA_LAUNCH_BLOCKING=1, which CUDA itself goes by too): slow, and a fault of
// the device is then reported with the operation that caused it. Elsewhere it is found by whoever waits next.
bool launches_block();

// Where they do: waits for what this thread has launched, and throws what the device says of it.
void settle_launches();

// Marks the end of what this thread has launched so far on a device, or on all of them. Metal is waited for.
std::vector<c10::Event> mark_launched(std::optional<at::Device> device = std::nullopt);

}  // namespace contrastive
