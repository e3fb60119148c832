#pragma once

#include <memory>

#include "core/device_graph.h"

namespace contrastive::cuda {

// A graph of the CUDA device that is this thread's current one.
std::unique_ptr<DeviceGraph> make_device_graph();

}  // namespace contrastive::cuda
