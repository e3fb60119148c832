#include "evaluate/linear_probe.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <c10/core/impl/LocalDispatchKeySet.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "core/error.h"
#include "core/host_copy.h"
#include "core/op.h"
#include "core/philox.h"
#include "core/stream.h"
#include "evaluate/checks.h"

namespace contrastive::evaluate {
namespace {

constexpr double kMomentum = 0.9;
constexpr double kPi = 3.14159265358979323846;
constexpr uint32_t kShuffle = 4;  // the purpose of lib/data/shuffle.ts

// Steps of fewer multiplications than this are over before a second thread has joined in: with two, on a busy machine,
// they took ten times the processor time.
constexpr int64_t kParallelWork = int64_t{1} << 24;

// While it lives, this thread computes alone.
class TeamOfOne {
 public:
  TeamOfOne() : size_(at::get_num_threads()) { set_team_size(1); }
  ~TeamOfOne() { set_team_size(size_); }
  TeamOfOne(const TeamOfOne&) = delete;
  TeamOfOne& operator=(const TeamOfOne&) = delete;

 private:
  int size_;
};

// Neither gradients nor a lower precision, whatever the caller's modes are.
struct PlainFloat {
  c10::impl::ExcludeDispatchKeyGuard no_autocast{c10::autocast_dispatch_keyset};
  at::NoGradGuard no_grad;
};

// The rows 0 … count − 1 in the order of an epoch.
at::Tensor order_of(int64_t epoch, int64_t count, int64_t seed) {
  const auto block =
      Philox::rounds({0, static_cast<uint32_t>(epoch), 0, 0},
                     {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32) ^ (kShuffle << 16)});
  auto generator = at::detail::createCPUGenerator((uint64_t{block[1]} << 32) | block[0]);
  return at::randperm(count, generator, at::TensorOptions().dtype(at::kLong));
}

void check_weights(const at::Tensor& weights, const at::Tensor& inputs) {
  CONTRASTIVE_CHECK(weights.dim() == 3 && weights.numel() > 0, kShapeError,
                    "weights must have shape (rates, classes, dim + 1), got ", weights.sizes());
  CONTRASTIVE_CHECK(inputs.dim() == 2 && inputs.size(0) > 0 && inputs.size(1) == weights.size(2), kShapeError,
                    "inputs must have shape (rows, dim + 1) with the weights' dim + 1 = ", weights.size(2), ", got ",
                    inputs.sizes());
  CONTRASTIVE_CHECK(weights.scalar_type() == at::kFloat && inputs.scalar_type() == at::kFloat, kDTypeError,
                    "weights and inputs must be float32, got ", weights.scalar_type(), " and ", inputs.scalar_type());
}

}  // namespace

std::tuple<at::Tensor, at::Tensor> probe_scale(const at::Tensor& train) {
  const PlainFloat plain;
  check_features("train", train);
  const auto options = train.options().dtype(at::kFloat).requires_grad(false);
  if (train.is_meta()) return {at::empty({train.size(1)}, options), at::empty({train.size(1)}, options)};
  auto [deviation, mean] = at::std_mean(train.to(at::kFloat), /*dim=*/at::IntArrayRef{0}, /*unbiased=*/false);
  // A feature that never changes says nothing; dividing by its rounding noise would.
  const at::Tensor constant = deviation <= 1e-6 * mean.abs() + 1e-12;
  return {mean, at::where(constant, at::ones_like(deviation), deviation)};
}

at::Tensor probe_inputs(const at::Tensor& features, const at::Tensor& mean, const at::Tensor& deviation) {
  const PlainFloat plain;
  check_features("test", features);
  const int64_t count = features.size(0), dim = features.size(1);
  CONTRASTIVE_CHECK(mean.dim() == 1 && mean.size(0) == dim && deviation.sizes() == mean.sizes(), kShapeError,
                    "test must have the dim of train, ", mean.sizes(), ", got ", features.sizes());
  CONTRASTIVE_CHECK(mean.device() == features.device() && deviation.device() == features.device(), kDeviceError,
                    "test is on ", features.device(), ", train on ", mean.device());
  at::Tensor inputs = at::empty({count, dim + 1}, features.options().dtype(at::kFloat).requires_grad(false));
  if (features.is_meta()) return inputs;
  inputs.narrow(1, 0, dim).copy_(features).sub_(mean).div_(deviation);
  inputs.select(1, dim).fill_(1);
  return inputs;
}

std::tuple<at::Tensor, at::Tensor> probe_steps(const at::Tensor& weights, const at::Tensor& velocity,
                                               const at::Tensor& inputs, const at::Tensor& labels,
                                               const at::Tensor& learning_rates, int64_t step, int64_t count,
                                               int64_t total, int64_t batch, int64_t seed) {
  const PlainFloat plain;
  check_weights(weights, inputs);
  const int64_t rates = weights.size(0), classes = weights.size(1), dim = weights.size(2), rows = inputs.size(0);
  CONTRASTIVE_CHECK(velocity.sizes() == weights.sizes() && velocity.scalar_type() == at::kFloat, kShapeError,
                    "velocity must be float32 of the weights' shape ", weights.sizes(), ", got ", velocity.sizes());
  CONTRASTIVE_CHECK(learning_rates.dim() == 1 && learning_rates.size(0) == rates, kShapeError,
                    "learning_rates must have shape (rates) = [", rates, "], got ", learning_rates.sizes());
  CONTRASTIVE_CHECK(batch >= 1 && step >= 0 && count >= 1 && step + count <= total, kOptionError,
                    "steps must lie in [0, total) and batch be >= 1, got ", count, " steps from ", step, " of ", total,
                    " and batch ", batch);
  const at::Tensor classes_of_rows = checked_labels("labels", labels, inputs, classes);
  if (inputs.is_meta()) return {at::empty_like(weights), at::empty_like(weights)};

  batch = std::min(batch, rows);
  std::optional<TeamOfOne> alone;
  if (batch * weights.numel() < kParallelWork) alone.emplace();
  // (L · classes, dim + 1), and one row of rates for each row of it.
  at::Tensor w = weights.clone().view({rates * classes, dim}), v = velocity.clone().view_as(w);
  const at::Tensor rate_of_row = learning_rates.to(w.options()).repeat_interleave(classes).unsqueeze(1);
  const at::Tensor minus_one = at::full({1, 1, 1}, -1, w.options());
  const int64_t steps_per_epoch = (rows + batch - 1) / batch;
  at::Tensor order;
  for (int64_t t = step; t < step + count; ++t) {
    const int64_t begin = t % steps_per_epoch * batch, size = std::min(batch, rows - begin);
    if (!order.defined() || begin == 0) order = send(order_of(t / steps_per_epoch, rows, seed), w.device());
    const at::Tensor chosen = order.narrow(0, begin, size);
    const at::Tensor x = inputs.index_select(0, chosen);
    const at::Tensor targets = classes_of_rows.index_select(0, chosen).view({size, 1, 1}).expand({size, rates, 1});
    // ∂ mean cross entropy / ∂ logits = (softmax − one-hot) / size
    const at::Tensor error = at::softmax(x.mm(w.t()).view({size, rates, classes}), /*dim=*/2)
                                 .scatter_add_(2, targets, minus_one.expand_as(targets))
                                 .view({size, rates * classes});
    v.mul_(kMomentum).add_(error.t().mm(x).div_(size));
    const double cosine = 0.5 * (1 + std::cos(kPi * static_cast<double>(t) / static_cast<double>(total)));
    w.addcmul_(v, rate_of_row, -cosine);
  }
  return {w.view_as(weights), v.view_as(weights)};
}

at::Tensor probe_logits(const at::Tensor& weights, const at::Tensor& inputs) {
  const PlainFloat plain;
  check_weights(weights, inputs);
  const int64_t rates = weights.size(0), classes = weights.size(1), rows = inputs.size(0);
  if (inputs.is_meta()) return at::empty({rates, rows, classes}, inputs.options().requires_grad(false));
  const at::Tensor logits = inputs.mm(weights.reshape({rates * classes, weights.size(2)}).t());
  return logits.view({rows, rates, classes}).transpose(0, 1).contiguous();
}

CONTRASTIVE_OP(probe_scale, "probe_scale(Tensor train) -> (Tensor mean, Tensor deviation)");
CONTRASTIVE_OP(probe_inputs, "probe_inputs(Tensor features, Tensor mean, Tensor deviation) -> Tensor");
CONTRASTIVE_OP(probe_steps,
               "probe_steps(Tensor weights, Tensor velocity, Tensor inputs, Tensor labels, Tensor learning_rates, *, "
               "int step, int count, int total, int batch=256, int seed=0) -> (Tensor weights_after, Tensor "
               "velocity_after)");
CONTRASTIVE_OP(probe_logits, "probe_logits(Tensor weights, Tensor inputs) -> Tensor");

}  // namespace contrastive::evaluate
