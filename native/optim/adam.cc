#include <ATen/ATen.h>

#include "core/op.h"
#include "optim/update.h"

namespace contrastive::optim {
namespace {

// An update divides by no less than epsilon. Below this, numbers within kLargestNorm may overflow; and with 0, a
// gradient of zeros is divided by zero.
constexpr double kLeastEpsilon = 1e-20;

// As torch.optim.Adam, or with a decoupled decay torch.optim.AdamW. Source: Kingma & Ba 2015, arXiv:1412.6980,
// algorithm 1; Loshchilov & Hutter 2019, arXiv:1711.05101, algorithm 2. steps: float32 scalars.
at::Tensor adam_(const Tensors& parameters, const Tensors& means, const Tensors& squares, const Tensors& steps,
                 const at::Tensor& learning_rate, const OptionalTensor& status, const OptionalTensor& gradient_norm,
                 const OptionalTensor& largest, const std::vector<int64_t>& groups,
                 const std::vector<double>& rate_factors, const std::vector<double>& weight_decays, double beta1,
                 double beta2, double epsilon, bool decoupled_decay) {
  const auto rule = [&](const Lists& lists) {
    at::_foreach_add_(lists.slots[2], 1);
    const auto fused = [&](const auto& kernel) {
      kernel(lists.parameters, lists.gradients, lists.slots[0], lists.slots[1], /*max_exp_avg_sqs=*/Tensors(),
             lists.slots[2], lists.learning_rate, beta1, beta2, lists.weight_decay, epsilon, /*amsgrad=*/false,
             /*maximize=*/false);
    };
    decoupled_decay ? fused([](auto&&... all) { at::_fused_adamw_(all...); })
                    : fused([](auto&&... all) { at::_fused_adam_(all...); });
  };
  return update({.parameters = parameters,
                 .slots = {means, squares, steps},
                 .learning_rate = learning_rate,
                 .groups = groups,
                 .rate_factors = rate_factors,
                 .weight_decays = weight_decays,
                 .status = status,
                 .gradient_norm = gradient_norm,
                 .largest = largest,
                 .bounded = epsilon >= kLeastEpsilon},
                rule);
}

CONTRASTIVE_OP(adam_,
               "adam_(Tensor(a!)[] parameters, Tensor(b!)[] means, Tensor(c!)[] squares, Tensor(d!)[] steps, "
               "Tensor learning_rate, *, Tensor(e!)? status=None, Tensor? gradient_norm=None, "
               "Tensor(f!)? largest=None, int[] groups, float[] rate_factors, float[] weight_decays, float beta1, "
               "float beta2, float epsilon, bool decoupled_decay) -> Tensor");

}  // namespace
}  // namespace contrastive::optim
