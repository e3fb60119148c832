#include <ATen/ATen.h>

#include <algorithm>

#include "core/error.h"
#include "core/op.h"
#include "optim/update.h"

namespace contrastive::optim {
namespace {

// As torch.optim.SGD with dampening 0. momenta: one a parameter; none where the momentum is 0.
at::Tensor sgd_(const Tensors& parameters, const Tensors& momenta, const at::Tensor& learning_rate,
                const OptionalTensor& status, const OptionalTensor& largest, double momentum, double weight_decay,
                bool nesterov, bool exclude_bias_and_norm) {
  CONTRASTIVE_CHECK(momenta.empty() == (momentum == 0), kOptionError, "momenta go with a momentum above 0");
  const auto rule = [&](const Lists& lists, bool weights, double rate) {
    const double decay = weights || !exclude_bias_and_norm ? weight_decay : 0.0;
    // PyTorch starts the momentum at the first gradient; with dampening 0 that is what a buffer of zeros becomes.
    at::_fused_sgd_(lists.parameters, lists.gradients, lists.slots.empty() ? Tensors() : lists.slots[0], decay,
                    momentum, rate, /*dampening=*/0.0, nesterov, /*maximize=*/false, /*is_first_step=*/false);
  };
  return update({.parameters = parameters,
                 .slots = momenta.empty() ? std::vector<Tensors>() : std::vector<Tensors>{momenta},
                 .learning_rate = learning_rate,
                 .status = status,
                 .largest = largest,
                 .bounded = std::max(momentum, weight_decay) <= kLargestFactor},
                rule);
}

CONTRASTIVE_OP(sgd_,
               "sgd_(Tensor(a!)[] parameters, Tensor(b!)[] momenta, Tensor learning_rate, *, Tensor(c!)? status=None, "
               "Tensor(d!)? largest=None, float momentum, float weight_decay, bool nesterov, "
               "bool exclude_bias_and_norm) -> Tensor");

}  // namespace
}  // namespace contrastive::optim
