#include <ATen/ATen.h>

#include "optim/update.h"

namespace contrastive::optim {
namespace {

// An update divides by no less than epsilon. Below this, numbers within kLargestNorm may overflow; and with 0, a
// gradient of zeros is divided by zero.
constexpr double kLeastEpsilon = 1e-20;

// As torch.optim.Adam, or with a decoupled decay torch.optim.AdamW. Source: Kingma & Ba 2015, arXiv:1412.6980,
// algorithm 1; Loshchilov & Hutter 2019, arXiv:1711.05101, algorithm 2. Slots: means, means of squares, and the number
// of updates, float32 scalars.
Optimizer adam(const Update& /*request*/, double beta1, double beta2, double epsilon, bool decoupled_decay) {
  const auto rule = [=](const Lists& lists) {
    if (lists.found_bad)
      at::_foreach_add_(lists.slots[2], 1 - *lists.found_bad);
    else
      at::_foreach_add_(lists.slots[2], 1);
    const auto fused = [&](const auto& kernel) {
      kernel(lists.parameters, lists.gradients, lists.slots[0], lists.slots[1], /*max_exp_avg_sqs=*/Tensors(),
             lists.slots[2], lists.learning_rate, beta1, beta2, lists.weight_decay, epsilon, /*amsgrad=*/false,
             /*maximize=*/false, /*grad_scale=*/std::nullopt, lists.found_bad);
    };
    decoupled_decay ? fused([](auto&&... all) { at::_fused_adamw_(all...); })
                    : fused([](auto&&... all) { at::_fused_adam_(all...); });
  };
  return {.slots = 3, .bounded = epsilon >= kLeastEpsilon, .rule = rule};
}

CONTRASTIVE_UPDATE(adam_, adam, "float beta1, float beta2, float epsilon, bool decoupled_decay");

}  // namespace
}  // namespace contrastive::optim
