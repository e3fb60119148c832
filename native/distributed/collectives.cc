// The group's collectives as operations on tensors.
#include "distributed/collectives.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/custom_function.h>

#include "core/error.h"
#include "core/op.h"

namespace contrastive::distributed {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Variable;
using torch::autograd::variable_list;
using Reduction = ProcessGroup::Reduction;

Reduction reduction_of(const std::string& name) {
  if (name == "sum") return Reduction::kSum;
  if (name == "max") return Reduction::kMax;
  CONTRASTIVE_CHECK(name == "min", kOptionError, "op must be 'sum', 'mean', 'max' or 'min', got '", name, "'");
  return Reduction::kMin;
}

void check_dtype(const char* name, const at::Tensor& tensor) {
  CONTRASTIVE_CHECK(tensor.scalar_type() != at::kBool, kDTypeError, name,
                    " is of numbers, got bool: convert it to uint8 before");
}

void check_rows(const char* name, const at::Tensor& tensor) {
  check_dtype(name, tensor);
  CONTRASTIVE_CHECK(tensor.dim() > 0, kShapeError, name, " needs a tensor of at least one dimension, got a scalar");
}

void check_in_place(const char* name, const at::Tensor& tensor) {
  check_dtype(name, tensor);
  CONTRASTIVE_CHECK(!tensor.requires_grad() || !c10::GradMode::is_enabled(), kAutogradError, name,
                    " changes its argument and records no gradient: use it within noGrad(), or allGather()");
}

// Where the tensor is what is sent, the collective works in its memory.
void write_back(const at::Tensor& target, const at::Tensor& value) {
  const c10::NoGradGuard no_grad;
  if (!target.is_alias_of(value)) target.copy_(value);
  target.unsafeGetTensorImpl()->bump_version();
}

at::Tensor all_reduce_(const at::Tensor& self, const std::string& reduction) {
  check_in_place("allReduce_", self);
  const auto ranks = group();
  const bool mean = reduction == "mean";
  CONTRASTIVE_CHECK(!mean || self.is_floating_point(), kDTypeError, "allReduce_: a mean is of floating numbers, got ",
                    self.scalar_type());
  const Reduction kind = mean ? Reduction::kSum : reduction_of(reduction);
  if (self.is_meta()) return self;
  ranks->expect_same_call(message("allReduce_ (", reduction, ")"), self);
  const at::Tensor value = ranks->sendable(self);
  ranks->all_reduce(value, kind).wait();
  if (mean) value.div_(ranks->size());
  write_back(self, value);
  return self;
}

at::Tensor broadcast_(const at::Tensor& self, int64_t source) {
  check_in_place("broadcast_", self);
  const auto ranks = group();
  CONTRASTIVE_CHECK(source >= 0 && source < ranks->size(), kOptionError, "broadcast_: source must be a rank below ",
                    ranks->size(), ", got ", source);
  if (self.is_meta()) return self;
  ranks->expect_same_call(message("broadcast_ (from rank ", source, ")"), self);
  const at::Tensor value = ranks->sendable(self);
  ranks->broadcast(value, static_cast<int>(source)).wait();
  write_back(self, value);
  return self;
}

// This rank's part of the sum of all ranks' tensors. gloo itself does no better: it adds up the whole, too.
at::Tensor scattered_sum(const at::Tensor& whole) {
  const auto ranks = group();
  const at::Tensor sum = ranks->sendable(whole).clone();
  ranks->all_reduce(sum, Reduction::kSum).wait();
  const int64_t rows = sum.size(0) / ranks->size();
  return sum.narrow(0, ranks->rank() * rows, rows).to(whole.device());
}

struct AllGather : torch::autograd::Function<AllGather> {
  static Variable forward(AutogradContext*, const Variable& self) { return gathered(self); }
  static variable_list backward(AutogradContext*, variable_list gradients) { return {scattered_sum(gradients[0])}; }
};

// The twin of what all ranks have.
at::Tensor repeated(const at::Tensor& twin, int times) { return at::cat(std::vector<at::Tensor>(times, twin)); }

at::Tensor all_gather(const at::Tensor& self) {
  check_rows("allGather", self);
  const auto ranks = group();
  if (self.is_meta()) return repeated(self, ranks->size());
  ranks->expect_same_call("allGather", self);
  return AllGather::apply(self);
}

at::Tensor reduce_scatter(const at::Tensor& self) {
  check_rows("reduceScatter", self);
  const auto ranks = group();
  CONTRASTIVE_CHECK(self.size(0) % ranks->size() == 0, kShapeError,
                    "reduceScatter: the rows must be a multiple of the ", ranks->size(), " ranks, got shape ",
                    self.sizes());
  CONTRASTIVE_CHECK(!self.requires_grad() || !c10::GradMode::is_enabled(), kAutogradError,
                    "reduceScatter records no gradient: use it within noGrad()");
  if (self.is_meta()) return self.narrow(0, 0, self.size(0) / ranks->size()).clone();
  ranks->expect_same_call("reduceScatter", self);
  return scattered_sum(self);
}

struct WholeBatch : torch::autograd::Function<WholeBatch> {
  static Variable forward(AutogradContext* context, const Variable& local) {
    context->saved_data["rows"] = local.size(0);
    return gathered(local);
  }
  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const int64_t rows = context->saved_data["rows"].toInt();
    return {gradients[0].narrow(0, group()->rank() * rows, rows)};
  }
};

// As all_gather, for a loss that every rank computes whole. The gradient of a rank's own rows in that loss is then the
// exact one, and nothing has to be sent back.
at::Tensor whole_batch(const at::Tensor& local) {
  check_rows("wholeBatch", local);
  const auto ranks = group();
  if (local.is_meta()) return repeated(local, ranks->size());
  ranks->expect_same_call("wholeBatch", local);
  return WholeBatch::apply(local);
}

// `end` is how the gathering is waited for.
at::Tensor gather(const at::Tensor& local, void (ProcessGroup::Pending::*end)()) {
  const auto ranks = group();
  std::vector<int64_t> sizes = local.sizes().vec();
  sizes[0] *= ranks->size();
  const at::Tensor input = ranks->sendable(local), output = at::empty(sizes, input.options());
  ProcessGroup::Pending pending = ranks->all_gather(output, input);
  (pending.*end)();
  return output.to(local.device());
}

CONTRASTIVE_OP(all_reduce_, "all_reduce_(Tensor(a!) self, *, str op='sum') -> Tensor(a!)");
CONTRASTIVE_OP(broadcast_, "broadcast_(Tensor(a!) self, *, int source=0) -> Tensor(a!)");
CONTRASTIVE_OP(all_gather, "all_gather(Tensor self) -> Tensor");
CONTRASTIVE_OP(reduce_scatter, "reduce_scatter(Tensor self) -> Tensor");
CONTRASTIVE_OP(whole_batch, "whole_batch(Tensor local) -> Tensor");

}  // namespace

at::Tensor gathered(const at::Tensor& local) { return gather(local, &ProcessGroup::Pending::wait); }

at::Tensor gathered_in_order(const at::Tensor& local) { return gather(local, &ProcessGroup::Pending::join); }

}  // namespace contrastive::distributed
