#include <ATen/ATen.h>

#include <algorithm>

#include "core/op.h"
#include "optim/update.h"

namespace contrastive::optim {
namespace {

// An update divides by no less than epsilon. Below this, numbers within kLargestNorm may overflow; and with 0, a
// gradient of zeros is divided by zero.
constexpr double kLeastEpsilon = 1e-20;

// As torch.optim.AdamW. Source: Loshchilov & Hutter 2019, arXiv:1711.05101, algorithm 2. steps: float32 scalars.
at::Tensor adamw_(const Tensors& parameters, const Tensors& means, const Tensors& squares, const Tensors& steps,
                  const at::Tensor& learning_rate, const OptionalTensor& status, const OptionalTensor& largest,
                  double beta1, double beta2, double epsilon, double weight_decay, bool exclude_bias_and_norm) {
  const auto rule = [&](const Lists& lists, bool weights, double rate) {
    const double decay = weights || !exclude_bias_and_norm ? weight_decay : 0.0;
    at::_foreach_add_(lists.slots[2], 1);
    at::_fused_adamw_(lists.parameters, lists.gradients, lists.slots[0], lists.slots[1], /*max_exp_avg_sqs=*/{},
                      lists.slots[2], rate, beta1, beta2, decay, epsilon, /*amsgrad=*/false, /*maximize=*/false);
  };
  return update({.parameters = parameters,
                 .slots = {means, squares, steps},
                 .learning_rate = learning_rate,
                 .status = status,
                 .largest = largest,
                 .bounded = weight_decay <= kLargestFactor && epsilon >= kLeastEpsilon},
                rule);
}

CONTRASTIVE_OP(adamw_,
               "adamw_(Tensor(a!)[] parameters, Tensor(b!)[] means, Tensor(c!)[] squares, Tensor(d!)[] steps, "
               "Tensor learning_rate, *, Tensor(e!)? status=None, Tensor(f!)? largest=None, float beta1, float beta2, "
               "float epsilon, float weight_decay, bool exclude_bias_and_norm) -> Tensor");

}  // namespace
}  // namespace contrastive::optim
