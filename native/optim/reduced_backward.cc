// The backward pass of a step that several processes compute together: gradients are added up over the ranks while the
// rest of the pass still runs.
#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/functions/accumulate_grad.h>
#include <torch/csrc/autograd/utils/lambda_post_hook.h>
#include <torch/csrc/autograd/variable.h>

#include <memory>
#include <mutex>
#include <vector>

#include "core/error.h"
#include "core/op.h"
#include "distributed/process_group.h"
#include "optim/lists.h"
#include "optim/status.h"

namespace contrastive::optim {
namespace {

using distributed::ProcessGroup;

constexpr int64_t kFirstBucket = int64_t{1} << 20;  // bytes: the first is sent soon
constexpr int64_t kBucket = int64_t{25} << 20;      // as PyTorch's DistributedDataParallel

// Gradients that are sent as one: of parameters that lie next to each other, whose last layers' gradients come first.
class GradientBuckets {
 public:
  // Of the parameters from `averaged` on, every rank has the whole gradient, and takes the mean.
  GradientBuckets(const Tensors& parameters, size_t averaged, ProcessGroup& group)
      : parameters_(parameters), averaged_(averaged), group_(group) {
    int64_t limit = kFirstBucket;
    for (size_t i = parameters.size(); i-- > 0;) {
      const at::Tensor& parameter = parameters[i];
      const at::TensorOptions kind = at::device(group.sent_from(parameter.device())).dtype(parameter.dtype());
      if (!buckets_.empty() && buckets_.back().has(kind) && buckets_.back().bytes < limit) {
        add(i);
        continue;
      }
      if (!buckets_.empty()) limit = kBucket;
      buckets_.push_back({.kind = kind});
      add(i);
    }
  }

  ~GradientBuckets() {
    for (auto& [node, key] : hooks_) node->del_post_hook(key);
  }

  void attach() {
    for (size_t i = 0; i < parameters_.size(); ++i) {
      const auto node = torch::autograd::impl::grad_accumulator(parameters_[i]);
      if (!node) continue;
      using Hook = torch::autograd::utils::LambdaPostHook;
      using torch::autograd::variable_list;
      const auto key =
          node->add_post_hook(std::make_unique<Hook>([this, i](const variable_list& out, const variable_list&) {
            note(i);
            return out;
          }));
      hooks_.emplace_back(node, key);
    }
  }

  // After the pass: sends what is left, and puts the sums into the parameters.
  void finish() {
    const c10::NoGradGuard no_grad;
    for (Bucket& bucket : buckets_) bucket.waiting = 0;
    send_ready();
    for (Bucket& bucket : buckets_) {
      bucket.pending->wait();
      const at::Tensor uses = bucket.values.narrow(0, bucket.count, bucket.uses()).to(at::kCPU, at::kFloat);
      const auto* used = uses.const_data_ptr<float>();
      int64_t offset = 0;
      for (const size_t i : bucket.members) {
        const at::Tensor& parameter = parameters_[i];
        if (*used++ > 0) parameter.mutable_grad() = view_of(bucket, offset, parameter).to(parameter.device());
        offset += parameter.numel();
      }
    }
  }

 private:
  struct Bucket {
    at::TensorOptions kind;  // dtype, and the device that it is sent from
    std::vector<size_t> members;
    int64_t bytes = 0, count = 0;
    size_t waiting = 0;  // members whose gradient is still to come
    at::Tensor values;   // (count + uses): the gradients; for each member, how many ranks have one
    int64_t uses() const { return static_cast<int64_t>(members.size()); }
    bool has(const at::TensorOptions& other) const {
      return kind.device() == other.device() && kind.dtype() == other.dtype();
    }
    std::optional<ProcessGroup::Pending> pending;
  };

  void add(size_t i) {
    Bucket& bucket = buckets_.back();
    bucket.members.push_back(i);
    bucket.bytes += static_cast<int64_t>(parameters_[i].nbytes());
    bucket.count += parameters_[i].numel();
    ++bucket.waiting;
    bucket_of_.resize(parameters_.size());
    bucket_of_[i] = buckets_.size() - 1;
  }

  // In a thread of autograd's, which has one for each device that gradients lie on.
  void note(size_t i) {
    const std::lock_guard lock(mutex_);
    Bucket& bucket = buckets_[bucket_of_[i]];
    if (bucket.waiting > 0 && --bucket.waiting == 0) send_ready();
  }

  // In the order of the buckets, which is the same in every rank.
  void send_ready() {
    const c10::NoGradGuard no_grad;
    for (; sent_ < buckets_.size() && buckets_[sent_].waiting == 0; ++sent_) {
      Bucket& bucket = buckets_[sent_];
      bucket.values = at::zeros({bucket.count + bucket.uses()}, bucket.kind);
      int64_t offset = 0, place = bucket.count;
      for (const size_t i : bucket.members) {
        const at::Tensor& parameter = parameters_[i];
        const at::Tensor use = bucket.values.narrow(0, place++, 1);
        if (parameter.grad().defined()) {
          use.fill_(1);
          const at::Tensor target = view_of(bucket, offset, parameter);
          target.copy_(parameter.grad());
          if (i >= averaged_) target.div_(group_.size());
        }
        offset += parameter.numel();
      }
      bucket.pending = group_.all_reduce_gradients(bucket.values);
    }
  }

  // A part of the bucket, laid out as the parameter is.
  static at::Tensor view_of(const Bucket& bucket, int64_t offset, const at::Tensor& parameter) {
    const at::Tensor part = bucket.values.narrow(0, offset, parameter.numel());
    return parameter.is_non_overlapping_and_dense() ? part.as_strided(parameter.sizes(), parameter.strides())
                                                    : part.view(parameter.sizes());
  }

  const Tensors& parameters_;
  const size_t averaged_;
  ProcessGroup& group_;
  std::vector<Bucket> buckets_;
  std::vector<size_t> bucket_of_;
  using NodePtr = decltype(torch::autograd::impl::grad_accumulator(at::Tensor()));  // another type in newer libtorchs
  std::vector<std::pair<NodePtr, uintptr_t>> hooks_;
  std::mutex mutex_;  // of the buckets, during the pass
  size_t sent_ = 0;
};

Tensors joined(Tensors first, const Tensors& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

// As guarded_backward_, of a loss that every rank has computed whole from the rows of all (whole_batch). `summed` are
// the parameters that a rank's own rows went through: the gradient is the sum over the ranks. `averaged` come behind
// the gathering: every rank has all of their gradient, and the mean keeps it the same to the bit. Every rank must call
// it with the same status.
at::Tensor reduced_backward_(const at::Tensor& loss, const at::Tensor& status, const Tensors& summed,
                             const Tensors& averaged) {
  check_status(status);
  CONTRASTIVE_CHECK(loss.requires_grad(), kAutogradError, "loss must require a gradient");
  CONTRASTIVE_CHECK(loss.numel() == 1, kShapeError, "loss must have one element, got shape ", loss.sizes());
  if (status.is_meta() || is_refused(status)) return status;
  const Tensors parameters = joined(summed, averaged);
  const auto ranks = distributed::group();
  GradientBuckets buckets(parameters, summed.size(), *ranks);
  buckets.attach();
  loss.backward();
  buckets.finish();
  return status;
}

// The same for gradients that are there already.
at::Tensor reduce_gradients_(const at::Tensor& status, const Tensors& summed, const Tensors& averaged) {
  check_status(status);
  const auto ranks = distributed::group();
  if (status.is_meta() || is_refused(status)) return status;
  const Tensors parameters = joined(summed, averaged);
  GradientBuckets(parameters, summed.size(), *ranks).finish();
  return status;
}

// What every rank then goes by: the worst status of all, and the largest of `said` (int64, any shape), in their places.
at::Tensor agree_(const at::Tensor& status, const at::Tensor& said) {
  check_status(status);
  CONTRASTIVE_CHECK(said.scalar_type() == at::kLong, kDTypeError, "said must be int64, got ", said.scalar_type());
  const auto ranks = distributed::group();
  if (status.is_meta()) return status;
  ranks->wait_for_joined();
  const at::Tensor all = at::cat({status.cpu().reshape({1}), said.cpu().reshape({-1})});
  ranks->agree(all);
  status.copy_(all[0]);
  said.copy_(all.narrow(0, 1, said.numel()).view(said.sizes()));
  return status;
}

CONTRASTIVE_OP(
    reduced_backward_,
    "reduced_backward_(Tensor loss, Tensor(a!) status, Tensor(b!)[] summed, Tensor(c!)[] averaged) -> Tensor");
CONTRASTIVE_OP(reduce_gradients_,
               "reduce_gradients_(Tensor(a!) status, Tensor(b!)[] summed, Tensor(c!)[] averaged) -> Tensor");
CONTRASTIVE_OP(agree_, "agree_(Tensor(a!) status, Tensor(b!) said) -> Tensor");

}  // namespace
}  // namespace contrastive::optim
