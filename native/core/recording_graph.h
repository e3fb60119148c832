// A recording on a device, replayed as graphs of it: a launch for a row of operations. Operations that look at numbers
// of the host, such as an update at a learning rate, are run between graphs as ever.
#pragma once

#include <ATen/Context.h>
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/device_graph.h"
#include "core/graph_plan.h"
#include "core/recording.h"

namespace contrastive {

class RecordingGraph {
 public:
  enum class State { kWarmingUp, kCaptured, kNotPossible };

  struct Status {
    State state;
    std::string reason;      // why it is not possible
    int64_t operation = -1;  // of the reason
  };

  // Both outlive it.
  RecordingGraph(const Recording& recording, const std::vector<ValueKind>& kinds);

  // As Recording::run. The first calls run the operations, so that what is made once is there; the next takes them
  // down. Arguments are copied into memory of the graph, and results out of it. What autograd leaves in `grad` stays in
  // it, and is overwritten by the next call; a gradient from before the call is added to where it lies. Where no graph
  // is possible, or another thread had the first call, the operations run.
  std::vector<at::Tensor> run(std::vector<at::Tensor> given, uint64_t job, const std::function<void()>& check);

  // Any thread.
  Status status() const;

 private:
  // How libraries of the device compute: of matrix products, and whether cuDNN gives the same bits each time.
  using Backends = std::pair<at::Float32MatmulPrecision, bool>;
  static Backends backends_in_force();

  // What is known of a value that a graph takes.
  struct Taken {
    size_t value;
    at::Tensor own;  // memory of the graph, into which each call's is copied; undefined where it is the same each time
    const void* data;  // where that lies
  };

  struct Captured {
    std::unique_ptr<DeviceGraph> graph;
    std::vector<Taken> taken;
    HostUse host;
    Backends backends;
    std::vector<at::Tensor> kept;                          // as in the plan
    std::vector<at::Tensor> written;                       // that are changed in place, gradients among them
    std::vector<std::pair<at::Tensor, at::Tensor>> grads;  // a parameter, and what it then has
    std::vector<const void*> storages;                     // of the graph
  };

  bool may_use_graphs(const std::vector<at::Tensor>& given);
  std::vector<at::Tensor> gradients_before(const std::vector<at::Tensor>& given) const;
  bool capture(size_t part, std::vector<at::Tensor>& values, uint64_t job);
  bool keeps_view_of_argument(const GraphPlan::Part& part, const std::vector<Taken>& taken,
                              const std::vector<at::Tensor>& values) const;
  bool replay(size_t part, std::vector<at::Tensor>& values);
  std::vector<at::Tensor> outputs_of(const std::vector<at::Tensor>& values) const;
  bool is_of_graph(const at::Tensor& tensor) const;
  void start_again();
  void give_up(std::string reason, int64_t operation = -1);
  void let_go();

  const Recording& recording_;
  const std::vector<bool> is_outside_;  // by value
  const GraphPlan plan_;
  std::vector<std::optional<Captured>> captured_;  // by part
  std::set<const void*> fixed_;                    // storages of values from outside
  std::vector<at::Tensor> gradients_;              // by value, those from before the call that was taken down
  int calls_ = 0;                                  // since the beginning, or since something moved
  int wasted_ = 0;                                 // graphs in a row that were hardly used
  mutable std::mutex mutex_;                       // of the rest
  Status status_;
  std::optional<std::thread::id> thread_;  // the one that had the first call
};

}  // namespace contrastive
