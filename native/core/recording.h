// A list of operations that was noted once and runs as one job, from values to values.
#pragma once

#include <ATen/core/Tensor.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "core/callable.h"
#include "core/modes.h"

namespace contrastive {

class Recording {
 public:
  struct Use {
    size_t value;
    bool is_last = false;  // of the run; the constructor finds out
  };

  // What an operation takes in one place: a constant, a tensor, or a list of tensors.
  struct Operand {
    c10::IValue constant;
    std::vector<std::optional<Use>> uses;  // nothing in the holes of a Tensor?[]
    bool is_list = false;
    bool has_holes = false;  // may have: the list is a Tensor?[]
  };

  struct Operation {
    const Callable* callable;
    std::vector<Operand> operands;
    std::vector<size_t> results;
    Modes modes;
    at::DeviceType device;
  };

  // Values are numbered; those that no operation makes are given to run(). `outputs` are what run() returns.
  Recording(size_t values, std::vector<Operation> operations, std::vector<size_t> outputs);

  // `given` holds a tensor for each value that is there from the start, and room for the others. A value is let go at
  // its last use. An operation that throws ends the run with a FailureException that names it. `check` is called before
  // each operation; what it throws, an abort, ends the run as it is.
  std::vector<at::Tensor> run(std::vector<at::Tensor> given, uint64_t job, const std::function<void()>& check) const;

  // The operations from `begin` to before `end`, as run() does them. Their results are put among `values`.
  void run_part(size_t begin, size_t end, std::vector<at::Tensor>& values, uint64_t job,
                const std::function<void()>& check) const;

  bool changes_something() const;
  size_t value_count() const { return is_kept_.size(); }
  const std::vector<Operation>& operations() const { return operations_; }
  const std::vector<size_t>& outputs() const { return outputs_; }

 private:
  void run_one(size_t index, std::vector<at::Tensor>& values, uint64_t job) const;
  static Stack arguments_of(const Operation& operation, std::vector<at::Tensor>& values);

  std::vector<Operation> operations_;
  std::vector<size_t> outputs_;
  std::vector<bool> is_kept_;  // by value: a result that something takes later
};

}  // namespace contrastive
