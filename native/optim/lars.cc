#include <ATen/ATen.h>

#include "core/error.h"
#include "optim/update.h"

namespace contrastive::optim {
namespace {

// coefficient |w| / |g + decay w|, 1 where a norm is 0.
Tensors ratios_of_sum(const Lists& lists, const Tensors& decayed, double coefficient) {
  Tensors ratios = at::_foreach_norm(lists.parameters, 2);
  const Tensors norms = at::_foreach_norm(decayed, 2);
  for (size_t i = 0; i < ratios.size(); ++i) {
    const at::Tensor usable = ratios[i].gt(0).logical_and_(norms[i].gt(0));
    ratios[i] = at::where(usable, ratios[i] / norms[i] * coefficient, 1.0);
  }
  return ratios;
}

// coefficient |w| / (|g| + decay |w| + 1e-8); 1 where w is 0, and 0 where g is.
Tensors ratios_of_norms(const Lists& lists, double coefficient) {
  Tensors ratios = at::_foreach_norm(lists.parameters, 2);
  const Tensors norms = at::_foreach_norm(lists.gradients, 2);
  for (size_t i = 0; i < ratios.size(); ++i) {
    const at::Tensor ratio = ratios[i] / (norms[i] + ratios[i] * lists.weight_decay + 1e-8) * coefficient;
    ratios[i] = at::where(ratios[i].gt(0), ratio, 1.0).masked_fill_(norms[i].eq(0), 0.0);
  }
  return ratios;
}

// Layer-wise adaptive rate scaling: an update u = trust (g + decay w) whose length follows the weights'. Source: You et
// al. 2017, arXiv:1708.03888. lib/optim/lars.ts has the formulas, and where each comes from.
//
// trust_coefficients: of each group; 0 where its rate is not adapted. Slots: the momenta.
Optimizer lars(const Update& request, const std::vector<double>& trust_coefficients, double momentum, bool nesterov,
               bool rate_in_momentum, bool separate_norms) {
  CONTRASTIVE_CHECK(trust_coefficients.size() == request.rate_factors.size(), kOptionError,
                    "trust_coefficients must have a number for each of ", request.rate_factors.size(), " groups, got ",
                    trust_coefficients.size());
  const auto rule = [=](const Lists& lists) {
    const double coefficient = trust_coefficients[lists.group];
    const Tensors gradients = at::_foreach_add(lists.gradients, lists.parameters, lists.weight_decay);
    Tensors updates = at::_foreach_mul(gradients, rate_in_momentum ? lists.learning_rate : 1);
    if (coefficient > 0)
      at::_foreach_mul_(
          updates, separate_norms ? ratios_of_norms(lists, coefficient) : ratios_of_sum(lists, gradients, coefficient));
    const Tensors& velocity = lists.slots[0];
    at::_foreach_mul_(velocity, momentum);
    at::_foreach_add_(velocity, updates);
    if (nesterov) at::_foreach_add_(updates, velocity, momentum);
    const Tensors& change = nesterov ? updates : velocity;
    at::_foreach_sub_(lists.parameters, rate_in_momentum ? change : at::_foreach_mul(change, lists.learning_rate));
  };
  return {.slots = 1,
          .bounded = momentum <= kLargestFactor && are_bounded(trust_coefficients),
          .skips_bad = false,
          .rule = rule};
}

CONTRASTIVE_UPDATE(lars_, lars,
                   "float[] trust_coefficients, float momentum, bool nesterov, bool rate_in_momentum, "
                   "bool separate_norms");

}  // namespace
}  // namespace contrastive::optim
