#include <ATen/ATen.h>

#include <algorithm>

#include "core/op.h"
#include "optim/update.h"

namespace contrastive::optim {
namespace {

// coefficient |w| / |g| for each parameter, 1 where a norm is 0.
Tensors trust_ratios(at::TensorList parameters, at::TensorList gradients, double coefficient) {
  Tensors ratios = at::_foreach_norm(parameters, 2);
  const Tensors norms = at::_foreach_norm(gradients, 2);
  for (size_t i = 0; i < ratios.size(); ++i) {
    const at::Tensor usable = ratios[i].gt(0).logical_and_(norms[i].gt(0));
    ratios[i] = at::where(usable, ratios[i] / norms[i] * coefficient, 1.0);
  }
  return ratios;
}

// As google-research/simclr's LARSOptimizer (classic momentum). Source: You et al. 2017, arXiv:1708.03888.
//
// g <- g + decay w;  v <- momentum v + lr trust g;  w <- w - v, or, Nesterov: w <- w - (momentum v + lr trust g).
// The learning rate is inside the momentum, unlike PyTorch's SGD.
at::Tensor lars_(const Tensors& parameters, const Tensors& momenta, const at::Tensor& learning_rate,
                 const OptionalTensor& status, const OptionalTensor& largest, double momentum, double weight_decay,
                 double trust_coefficient, bool nesterov, bool exclude_bias_and_norm) {
  const auto rule = [&](const Lists& lists, bool weights, double rate) {
    const bool adapted = weights || !exclude_bias_and_norm;  // and decayed
    const Tensors gradients =
        adapted ? at::_foreach_add(lists.gradients, lists.parameters, weight_decay) : lists.gradients;
    Tensors updates = at::_foreach_mul(gradients, rate);
    if (adapted) at::_foreach_mul_(updates, trust_ratios(lists.parameters, gradients, trust_coefficient));

    const Tensors& velocity = lists.slots[0];
    at::_foreach_mul_(velocity, momentum);
    at::_foreach_add_(velocity, updates);
    if (nesterov) at::_foreach_add_(updates, velocity, momentum);
    at::_foreach_sub_(lists.parameters, nesterov ? updates : velocity);
  };
  return update({.parameters = parameters,
                 .slots = {momenta},
                 .learning_rate = learning_rate,
                 .status = status,
                 .largest = largest,
                 .bounded = std::max({momentum, weight_decay, trust_coefficient}) <= kLargestFactor},
                rule);
}

CONTRASTIVE_OP(lars_,
               "lars_(Tensor(a!)[] parameters, Tensor(b!)[] momenta, Tensor learning_rate, *, Tensor(c!)? status=None, "
               "Tensor(d!)? largest=None, float momentum, float weight_decay, float trust_coefficient, "
               "bool nesterov, bool exclude_bias_and_norm) -> Tensor");

}  // namespace
}  // namespace contrastive::optim
