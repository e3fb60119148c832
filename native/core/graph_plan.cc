#include "core/graph_plan.h"

#include <algorithm>
#include <utility>

#include "core/device_streams.h"
#include "core/error.h"

namespace contrastive {
namespace {

using Operation = Recording::Operation;

template <typename Visit>
void each_use(const Operation& operation, const Visit& visit) {
  for (const Recording::Operand& operand : operation.operands)
    for (const std::optional<Recording::Use>& use : operand.uses)
      if (use) visit(*use);
}

template <typename Visit>
void each_value(const Operation& operation, const Visit& visit) {
  each_use(operation, [&](const Recording::Use& use) { visit(use.value); });
  for (const size_t value : operation.results) visit(value);
}

const std::string& name_of(const Operation& operation) { return operation.callable->schema().name(); }

bool drops_gradients(const Operation& operation) { return name_of(operation) == "_drop_gradients"; }

// Why an operation can be in no graph; empty if it can.
std::string obstacle_of(const Operation& operation, const std::vector<ValueKind>& kinds, at::Device device) {
  const char* why = nullptr;
  each_value(operation, [&](size_t value) {
    const ValueKind& kind = kinds[value];
    if (kind.device.is_cpu())
      why = " takes or gives a tensor of the CPU";
    else if (kind.device != device)
      why = " works on another device";
    else if (!kind.has_shape)
      why = " has a result whose shape depends on data";
    else if (drops_gradients(operation) && !kind.is_outside)
      why = " drops the gradient of an argument";
  });
  if (operation.modes.whole_statistics) why = " works over several processes";
  if (name_of(operation) == "_gradient_of" || name_of(operation) == "_require_gradient") why = " looks at gradients";
  return why ? name_of(operation) + why : "";
}

std::optional<at::Device> graph_device(const std::vector<ValueKind>& kinds) {
  for (const ValueKind& kind : kinds)
    if (is_asynchronous(kind.device)) return kind.device;
  return std::nullopt;
}

bool is_backward(const Operation& operation) {
  const std::string& name = name_of(operation);
  return name.find("backward") != std::string::npos || name == "grad";
}

// Whether an operation is part of what autograd does: a forward step of it, or the backward pass.
bool differentiates(const Operation& operation, const std::vector<ValueKind>& kinds) {
  return is_backward(operation) || std::any_of(operation.results.begin(), operation.results.end(),
                                               [&](size_t value) { return kinds[value].is_differentiable; });
}

// From where to where a value is needed for its gradient, by operations: −1 where it is given, their number where it is
// an output.
struct Span {
  int64_t first, last;
  bool is_in_graph = false;
};

// Who only reads a value, as detach() does, need not know how it was made.
std::vector<Span> spans_of(const Recording& recording, const std::vector<ValueKind>& kinds,
                           const std::vector<GraphPlan::Part>& parts) {
  std::vector<Span> spans(recording.value_count(), Span{-1, -1});
  for (const GraphPlan::Part& part : parts)
    for (size_t i = part.begin; i < part.end; ++i) {
      const auto here = static_cast<int64_t>(i);
      const Operation& operation = recording.operations()[i];
      const auto note = [&](size_t value) {
        spans[value].last = here;
        spans[value].is_in_graph = spans[value].is_in_graph || part.is_graph;
      };
      for (const size_t value : operation.results) {
        spans[value].first = here;
        note(value);
      }
      if (differentiates(operation, kinds)) each_use(operation, [&](const Recording::Use& use) { note(use.value); });
    }
  for (const size_t value : recording.outputs())
    spans[value].last = static_cast<int64_t>(recording.operations().size());
  return spans;
}

// A differentiable value that is in a graph and also elsewhere.
std::optional<Span> torn_span(const Recording& recording, const std::vector<ValueKind>& kinds,
                              const std::vector<GraphPlan::Part>& parts) {
  const std::vector<Span> spans = spans_of(recording, kinds, parts);
  for (size_t value = 0; value < kinds.size(); ++value) {
    const Span& span = spans[value];
    if (!kinds[value].is_differentiable || !span.is_in_graph) continue;
    const auto holds = [&](const GraphPlan::Part& part) {
      return static_cast<int64_t>(part.begin) <= span.first && span.last < static_cast<int64_t>(part.end);
    };
    if (std::none_of(parts.begin(), parts.end(), holds)) return span;
  }
  return std::nullopt;
}

void add_values(GraphPlan::Part& part, const Recording& recording) {
  std::vector<bool> is_made(recording.value_count()), is_taken(is_made), is_needed(is_made);
  for (const size_t value : recording.outputs()) is_needed[value] = true;
  for (size_t i = part.end; i < recording.operations().size(); ++i)
    each_use(recording.operations()[i], [&](const Recording::Use& use) { is_needed[use.value] = true; });
  for (size_t i = part.begin; i < part.end; ++i) {
    const Operation& operation = recording.operations()[i];
    each_use(operation, [&](const Recording::Use& use) {
      if (is_made[use.value] || is_taken[use.value]) return;
      is_taken[use.value] = true;
      part.taken.push_back(use.value);
    });
    if (drops_gradients(operation))
      each_use(operation, [&](const Recording::Use& use) { part.dropped.push_back(use.value); });
    for (const size_t value : operation.results) {
      is_made[value] = true;
      if (is_needed[value]) part.kept.push_back(value);
    }
  }
  std::copy_if(part.taken.begin(), part.taken.end(), std::back_inserter(part.used_up),
               [&](size_t value) { return !is_needed[value]; });
}

}  // namespace

GraphPlan plan_graphs(const Recording& recording, const std::vector<ValueKind>& kinds) {
  GraphPlan plan;
  const std::vector<Operation>& operations = recording.operations();
  const auto refused = [&](std::string reason, int64_t operation) {
    plan.parts.clear();
    plan.reason = std::move(reason);
    plan.operation = operation;
    return plan;
  };
  const std::optional<at::Device> device = graph_device(kinds);
  if (!device) return refused("nothing in it runs on a device that has graphs", -1);
  plan.device = *device;

  std::vector<std::string> obstacles;
  for (const Operation& operation : operations) {
    const size_t i = obstacles.size();
    obstacles.push_back(obstacle_of(operation, kinds, *device));
    const bool is_graph = obstacles.back().empty();
    // What has no known shape does not say whether it is differentiable: the forward steps might be in a graph.
    if (!is_graph && is_backward(operation))
      return refused(obstacles.back() + ", and gradients are made there", static_cast<int64_t>(i));
    if (plan.parts.empty() || plan.parts.back().is_graph != is_graph)
      plan.parts.push_back({i, i, is_graph, {}, {}, {}, {}});
    plan.parts.back().end = i + 1;
  }
  if (std::none_of(plan.parts.begin(), plan.parts.end(), [](const GraphPlan::Part& part) { return part.is_graph; }))
    return refused(obstacles.empty() ? "there is no operation in it" : obstacles.front(), 0);
  if (const std::optional<Span> torn = torn_span(recording, kinds, plan.parts)) {
    for (int64_t i = std::max<int64_t>(torn->first, 0); i <= torn->last && i < std::ssize(obstacles); ++i)
      if (!obstacles[i].empty()) return refused(obstacles[i] + ", between operations and their gradients", i);
    return refused("an argument or a result is differentiated outside of it", -1);
  }
  for (GraphPlan::Part& part : plan.parts) add_values(part, recording);
  plan.uses_gradients = std::any_of(operations.begin(), operations.end(), [](const Operation& operation) {
    return is_backward(operation) || name_of(operation) == "clip_gradients_";
  });
  plan.is_cleared.resize(kinds.size());
  for (const Operation& operation : operations) {
    if (!drops_gradients(operation)) break;
    each_use(operation, [&](const Recording::Use& use) { plan.is_cleared[use.value] = true; });
  }
  return plan;
}

}  // namespace contrastive
