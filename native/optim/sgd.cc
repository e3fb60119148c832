#include <ATen/ATen.h>

#include "optim/update.h"

namespace contrastive::optim {
namespace {

// As torch.optim.SGD with dampening 0. Slots: the momenta, where the momentum is above 0.
Optimizer sgd(const Update& /*request*/, double momentum, bool nesterov) {
  const auto rule = [=](const Lists& lists) {
    // PyTorch starts the momentum at the first gradient; with dampening 0 that is what a buffer of zeros becomes.
    at::_fused_sgd_(lists.parameters, lists.gradients, lists.slots.empty() ? Tensors() : lists.slots[0],
                    lists.weight_decay, momentum, lists.learning_rate, /*dampening=*/0.0, nesterov,
                    /*maximize=*/false, /*is_first_step=*/false, /*grad_scale=*/std::nullopt, lists.found_bad);
  };
  return {.slots = momentum == 0 ? 0U : 1U, .bounded = momentum <= kLargestFactor, .rule = rule};
}

CONTRASTIVE_UPDATE(sgd_, sgd, "float momentum, bool nesterov");

}  // namespace
}  // namespace contrastive::optim
