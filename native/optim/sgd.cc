#include <ATen/ATen.h>

#include "core/error.h"
#include "core/op.h"
#include "optim/update.h"

namespace contrastive::optim {
namespace {

// As torch.optim.SGD with dampening 0. momenta: one a parameter; none where the momentum is 0.
at::Tensor sgd_(const Tensors& parameters, const Tensors& momenta, const at::Tensor& learning_rate,
                const OptionalTensor& status, const OptionalTensor& gradient_norm, const OptionalTensor& largest,
                const std::vector<int64_t>& groups, const std::vector<double>& rate_factors,
                const std::vector<double>& weight_decays, double momentum, bool nesterov) {
  CONTRASTIVE_CHECK(momenta.empty() == (momentum == 0), kOptionError, "momenta go with a momentum above 0");
  const auto rule = [&](const Lists& lists) {
    // PyTorch starts the momentum at the first gradient; with dampening 0 that is what a buffer of zeros becomes.
    at::_fused_sgd_(lists.parameters, lists.gradients, lists.slots.empty() ? Tensors() : lists.slots[0],
                    lists.weight_decay, momentum, lists.learning_rate, /*dampening=*/0.0, nesterov,
                    /*maximize=*/false, /*is_first_step=*/false);
  };
  return update({.parameters = parameters,
                 .slots = momenta.empty() ? std::vector<Tensors>() : std::vector<Tensors>{momenta},
                 .learning_rate = learning_rate,
                 .groups = groups,
                 .rate_factors = rate_factors,
                 .weight_decays = weight_decays,
                 .status = status,
                 .gradient_norm = gradient_norm,
                 .largest = largest,
                 .bounded = momentum <= kLargestFactor},
                rule);
}

CONTRASTIVE_OP(sgd_,
               "sgd_(Tensor(a!)[] parameters, Tensor(b!)[] momenta, Tensor learning_rate, *, Tensor(c!)? status=None, "
               "Tensor? gradient_norm=None, Tensor(d!)? largest=None, int[] groups, float[] rate_factors, "
               "float[] weight_decays, float momentum, bool nesterov) -> Tensor");

}  // namespace
}  // namespace contrastive::optim
