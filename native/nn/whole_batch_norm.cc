#include "nn/whole_batch_norm.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/custom_function.h>

#include <optional>
#include <vector>

#include "core/error.h"
#include "distributed/process_group.h"
#include "nn/moments.h"

namespace contrastive::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Variable;
using torch::autograd::variable_list;

// All dimensions but the channels'.
std::vector<int64_t> others(const at::Tensor& x) {
  std::vector<int64_t> dims{0};
  for (int64_t dim = 2; dim < x.dim(); ++dim) dims.push_back(dim);
  return dims;
}

// (channels) as it meets x.
at::Tensor along(const at::Tensor& x, const at::Tensor& values) {
  std::vector<int64_t> sizes(x.dim(), 1);
  sizes[1] = x.size(1);
  return values.reshape(sizes);
}

// In float64, on the device from which it is sent: not every other one has float64.
at::Tensor to_send(const at::Tensor& values) {
  return values.to(distributed::group()->sent_from(values.device())).to(at::kDouble);
}

Moments moments_of(const at::Tensor& x) {
  const at::Tensor mean = x.mean(others(x));
  const at::Tensor own = to_send(at::cat({mean, (x - along(x, mean)).square().sum(others(x))}));
  return over_all_ranks({at::cat({at::full({1}, x.numel() / x.size(1), own.options()), own})});
}

// Rounded at the end, to the same bits as by the fused way, which other ranks may take.
void move_running(const BatchNormState& state, const Moments& moments) {
  if (!state.running_mean.defined()) return;
  const auto move = [&](const at::Tensor& running, const at::Tensor& target) {
    running.add_((target - running.to(target.device())).mul_(state.momentum).to(running.options()));
  };
  const at::Tensor n = moments.count();
  move(state.running_mean, moments.mean());
  move(state.running_var, moments.squares() / n * n / (n - 1));
}

struct WholeBatchNorm : torch::autograd::Function<WholeBatchNorm> {
  static Variable forward(AutogradContext* context, const Variable& input, const std::optional<Variable>& weight,
                          const std::optional<Variable>& bias, const BatchNormState& state) {
    const at::Tensor x = input.to(input.scalar_type() == at::kDouble ? at::kDouble : at::kFloat);
    const Moments moments = moments_of(x);
    move_running(state, moments);
    const at::Tensor variance = (moments.squares() / moments.count()).to(x.options());
    const at::Tensor inverse = (variance + state.epsilon).rsqrt();
    const at::Tensor normal = (x - along(x, moments.mean().to(x.options()))) * along(x, inverse);
    at::Tensor y = normal;
    if (weight) y = y * along(x, *weight);
    if (bias) y = y + along(x, *bias);
    context->save_for_backward(
        {normal, inverse, weight.value_or(Variable()), bias.value_or(Variable()), moments.count()});
    return y.to(input.scalar_type());
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    CONTRASTIVE_CHECK(!c10::GradMode::is_enabled(), kAutogradError,
                      "batch normalisation over all ranks has no second derivative");
    const variable_list saved = context->get_saved_variables();
    const Variable &normal = saved[0], &inverse = saved[1], &weight = saved[2], &bias = saved[3], &n = saved[4];
    const at::Tensor dy = gradients[0].to(normal.scalar_type());
    const at::Tensor dbias = dy.sum(others(dy)), dweight = (dy * normal).sum(others(dy));
    const int64_t channels = dbias.numel();
    // Σ dy and Σ dy · (x - mean), as the fused way sends them: other ranks may take that one.
    const at::Tensor sums = sum_over_all_ranks(to_send(at::cat({dbias, dweight / inverse})));
    const at::Tensor means = (sums / n).to(normal.options());
    const at::Tensor about = along(dy, means.narrow(0, 0, channels)),
                     slope = along(dy, means.narrow(0, channels, channels) * inverse);
    const at::Tensor scale = weight.defined() ? weight * inverse : inverse;
    const at::Tensor dx = (dy - about - normal * slope) * along(dy, scale);
    return {dx.to(gradients[0].scalar_type()), weight.defined() ? dweight.to(weight.scalar_type()) : Variable(),
            bias.defined() ? dbias.to(bias.scalar_type()) : Variable(), Variable()};
  }
};

}  // namespace

at::Tensor whole_batch_norm(const at::Tensor& x, const BatchNormState& state) {
  const auto optional = [](const at::Tensor& tensor) {
    return tensor.defined() ? std::optional(tensor) : std::nullopt;
  };
  return WholeBatchNorm::apply(x, optional(state.weight), optional(state.bias), state);
}

}  // namespace contrastive::nn
