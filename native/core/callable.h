// Everything that can be called by name: our op table, and libtorch's own operators through its dispatcher.
#pragma once

#include <ATen/core/function_schema.h>

#include <optional>
#include <string>
#include <vector>

#include "core/op.h"

namespace contrastive {

class Callable {
 public:
  // "sup_con_loss" names an own op, "aten::add.Tensor" one of libtorch's. Throws kOptionError for an unknown name.
  static const Callable& find(const std::string& name);
  static std::vector<std::string> own_names();

  const c10::FunctionSchema& schema() const { return schema_; }
  // Whether others may look at what it does who do not take its results: it changes an argument, or gives nothing.
  bool changes_something() const { return schema_.is_mutable() || schema_.returns().empty(); }
  // Replaces the arguments on the stack by the results.
  void call(Stack& stack) const;
  // The dtype that autocast casts the float tensors among the arguments to, if it does: the meta twin, which autocast
  // does not know, follows suit. `low` is autocast's low-precision dtype.
  std::optional<at::ScalarType> autocast_dtype(at::DeviceType device, at::ScalarType low) const;

  Callable(c10::FunctionSchema schema, BoxedFunction own, std::optional<c10::OperatorHandle> aten);

 private:
  c10::FunctionSchema schema_;
  BoxedFunction own_;
  std::shared_ptr<c10::OperatorHandle> aten_;
  bool low_ = false, full_on_cpu_ = false, full_elsewhere_ = false, moves_statistics_ = false;
};

}  // namespace contrastive
