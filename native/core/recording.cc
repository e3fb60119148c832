#include "core/recording.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "core/device_streams.h"
#include "core/error.h"
#include "core/failure.h"

namespace contrastive {

Recording::Recording(size_t values, std::vector<Operation> operations, std::vector<size_t> outputs)
    : operations_(std::move(operations)), outputs_(std::move(outputs)), is_kept_(values, false) {
  // From the end: the first use that is met is the last one of a run.
  std::vector<bool> is_needed(values, false);
  for (const size_t value : outputs_) is_needed[value] = true;
  for (auto operation = operations_.rbegin(); operation != operations_.rend(); ++operation) {
    for (const size_t value : operation->results) is_kept_[value] = is_needed[value];
    for (auto operand = operation->operands.rbegin(); operand != operation->operands.rend(); ++operand)
      for (auto use = operand->uses.rbegin(); use != operand->uses.rend(); ++use) {
        if (!*use) continue;
        (*use)->is_last = !is_needed[(*use)->value];
        is_needed[(*use)->value] = true;
      }
  }
}

std::vector<at::Tensor> Recording::run(std::vector<at::Tensor> given, uint64_t job,
                                       const std::function<void()>& check) const {
  std::vector<at::Tensor> values = std::move(given);
  run_part(0, operations_.size(), values, job, check);
  std::vector<at::Tensor> results;
  results.reserve(outputs_.size());
  for (const size_t value : outputs_) results.push_back(values[value]);
  return results;
}

void Recording::run_part(size_t begin, size_t end, std::vector<at::Tensor>& values, uint64_t job,
                         const std::function<void()>& check) const {
  for (size_t i = begin; i < end;) {
    // Under one guard as far as its modes reach, and no further than to what changes something: with it goes autocast's
    // cache of weights, which would be those from before.
    const Modes modes = operations_[i].modes;
    const at::DeviceType device = operations_[i].device;
    const ModeGuard guard(modes, device);
    bool changed = false;
    for (; i < end && !changed && operations_[i].modes == modes && operations_[i].device == device; ++i) {
      check();
      run_one(i, values, job);
      changed = operations_[i].callable->changes_something();
    }
  }
}

bool Recording::changes_something() const {
  return std::any_of(operations_.begin(), operations_.end(),
                     [](const Operation& operation) { return operation.callable->changes_something(); });
}

void Recording::run_one(size_t index, std::vector<at::Tensor>& values, uint64_t job) const {
  const Operation& operation = operations_[index];
  Stack stack = arguments_of(operation, values);
  try {
    operation.callable->call(stack);
    settle_launches();
  } catch (...) {
    Failure failure = describe(std::current_exception(), job);
    failure.operation = static_cast<int64_t>(index);
    throw FailureException(std::make_shared<const Failure>(std::move(failure)));
  }
  size_t place = 0;
  const auto keep = [&](at::Tensor result) {
    CONTRASTIVE_CHECK(place < operation.results.size(), kNativeError, operation.callable->schema().name(),
                      " gave more results than when it was recorded, ", operation.results.size());
    const size_t value = operation.results[place++];
    if (is_kept_[value]) values[value] = std::move(result);
  };
  for (c10::IValue& value : stack) {
    if (value.isTensor()) {
      keep(std::move(value).toTensor());
    } else {
      for (at::Tensor& tensor : value.toTensorVector()) keep(std::move(tensor));
    }
  }
  CONTRASTIVE_CHECK(place == operation.results.size(), kNativeError, operation.callable->schema().name(), " gave ",
                    place, " results, and ", operation.results.size(), " when it was recorded");
}

// A tensor that is used for the last time is handed over, so that an operation may take its memory.
Stack Recording::arguments_of(const Operation& operation, std::vector<at::Tensor>& values) {
  const auto tensor_of = [&](const Use& use) { return use.is_last ? std::move(values[use.value]) : values[use.value]; };
  Stack stack;
  stack.reserve(operation.operands.size());
  for (const Operand& operand : operation.operands) {
    if (operand.has_holes) {
      c10::List<std::optional<at::Tensor>> list;
      for (const std::optional<Use>& use : operand.uses)
        list.push_back(use ? std::optional(tensor_of(*use)) : std::nullopt);
      stack.emplace_back(std::move(list));
    } else if (operand.is_list) {
      c10::List<at::Tensor> list;
      list.reserve(operand.uses.size());
      for (const std::optional<Use>& use : operand.uses) list.push_back(tensor_of(*use));
      stack.emplace_back(std::move(list));
    } else if (!operand.uses.empty()) {
      stack.emplace_back(tensor_of(*operand.uses.front()));
    } else {
      stack.push_back(operand.constant);
    }
  }
  return stack;
}

}  // namespace contrastive
