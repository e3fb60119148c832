// Which operations of a recording can be in a graph of a device: those whose launches follow from shapes, options and
// memory of the device alone.
#pragma once

#include <c10/core/Device.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/recording.h"

namespace contrastive {

// What is known of a value of a recording before it runs.
struct ValueKind {
  at::Device device;
  bool has_shape;          // false: its shape depends on data
  bool is_outside;         // neither given nor made by the recording, which reads it each time
  bool is_differentiable;  // autograd knows how it was made, or it is an argument that requires a gradient
};

struct GraphPlan {
  // Operations in a row, all of them for one graph or none.
  struct Part {
    size_t begin, end;
    bool is_graph;
    // Values: those from before the part; of those that it makes, what is used later; those that nobody takes after it.
    std::vector<size_t> taken, kept, used_up;
    std::vector<size_t> dropped;  // values whose gradient it drops
  };

  at::Device device = at::kCPU;  // of the graphs
  std::vector<Part> parts;       // none where no graph is possible
  std::vector<bool> is_cleared;  // by value: its gradient is dropped before anything else is done
  bool uses_gradients = false;   // adds to those of parameters, or scales them
  std::string reason;            // why there are no graphs
  int64_t operation = -1;        // of the reason
};

// A graph cannot hold a half of what autograd does, whose other half is made anew at each call: then there is none.
GraphPlan plan_graphs(const Recording& recording, const std::vector<ValueKind>& kinds);

}  // namespace contrastive
