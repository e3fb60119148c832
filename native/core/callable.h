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
  // Replaces the arguments on the stack by the results.
  void call(Stack& stack) const;
  // Autocast runs these in its low-precision dtype; the meta twin, which autocast does not know, follows suit.
  bool is_low_precision_under_autocast() const { return low_precision_; }

  Callable(c10::FunctionSchema schema, BoxedFunction own, std::optional<c10::OperatorHandle> aten);

 private:
  c10::FunctionSchema schema_;
  BoxedFunction own_;
  std::shared_ptr<c10::OperatorHandle> aten_;
  bool low_precision_;
};

}  // namespace contrastive
