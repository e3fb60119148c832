#include <ATen/ATen.h>

#include <algorithm>

#include "core/error.h"
#include "core/host_copy.h"
#include "optim/update.h"

namespace contrastive::optim {
namespace {

// coefficient |w| / |g + decay w|, 1 where a norm is 0. Norms: of all parameters, (n).
at::Tensor ratios_of_sum(const at::Tensor& weights, const at::Tensor& decayed, double coefficient) {
  return at::where(weights.gt(0).logical_and(decayed.gt(0)), weights / decayed * coefficient, 1.0);
}

// coefficient |w| / (|g| + decay |w| + 1e-8); 1 where w is 0, and 0 where g is.
at::Tensor ratios_of_norms(const at::Tensor& weights, const at::Tensor& gradients, double decay, double coefficient) {
  const at::Tensor ratios = weights / (gradients + weights * decay + 1e-8) * coefficient;
  return at::where(weights.gt(0), ratios, 1.0).masked_fill_(gradients.eq(0), 0.0);
}

at::Tensor norms_of(const Tensors& tensors) { return at::stack(at::_foreach_norm(tensors, 2)); }

// Each tensor times its own of `factors`, (n), in its layout. In a few launches, whatever n: all go into one block of
// memory, in rows of which each belongs to one tensor.
Tensors multiplied(const Tensors& tensors, const at::Tensor& factors) {
  constexpr int64_t kRow = 256;
  const at::TensorOptions options = tensors.front().options();
  const auto goes_along = [&](const at::Tensor& tensor) {
    return tensor.scalar_type() == tensors.front().scalar_type() && tensor.is_non_overlapping_and_dense();
  };
  if (!std::all_of(tensors.begin(), tensors.end(), goes_along)) return at::_foreach_mul(tensors, factors.unbind());
  const at::Tensor padding = at::zeros({kRow - 1}, options);
  Tensors parts;
  std::vector<int64_t> ends;  // of each tensor, in rows
  for (const at::Tensor& tensor : tensors) {
    const int64_t size = tensor.numel(), rows = (size + kRow - 1) / kRow;
    parts.push_back(tensor.as_strided({size}, {1}));
    parts.push_back(padding.narrow(0, 0, rows * kRow - size));
    ends.push_back((ends.empty() ? 0 : ends.back()) + rows);
  }
  const at::Tensor all = at::cat(parts);
  const at::Tensor rows = at::arange(ends.back(), factors.options().dtype(at::kLong));
  const at::Tensor of_row = at::bucketize(rows, send(at::tensor(ends), factors.device()), /*out_int32=*/false,
                                          /*right=*/true);
  all.view({-1, kRow}).mul_(factors.to(all.scalar_type()).index_select(0, of_row).unsqueeze(1));
  Tensors results;
  int64_t begin = 0;
  for (size_t i = 0; i < tensors.size(); begin = ends[i++] * kRow)
    results.push_back(all.as_strided(tensors[i].sizes(), tensors[i].strides(), begin));
  return results;
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
  const auto prepare = [=](Lists& lists) {
    const double coefficient = trust_coefficients[lists.group], decay = lists.weight_decay;
    Tensors updates = at::_foreach_add(lists.gradients, lists.parameters, decay);
    at::Tensor ratios;
    if (coefficient > 0) {
      const at::Tensor weights = norms_of(lists.parameters);
      ratios = separate_norms ? ratios_of_norms(weights, norms_of(lists.gradients), decay, coefficient)
                              : ratios_of_sum(weights, norms_of(updates), coefficient);
    }
    if (rate_in_momentum) at::_foreach_mul_(updates, lists.learning_rate);
    lists.gradients = ratios.defined() ? multiplied(updates, ratios) : std::move(updates);
  };
  // What is left to do is what SGD does without a weight decay.
  const bool has_momentum = momentum > 0;
  const auto rule = [=](const Lists& lists) {
    at::_fused_sgd_(lists.parameters, lists.gradients, has_momentum ? lists.slots[0] : Tensors(), /*weight_decay=*/0.0,
                    momentum, rate_in_momentum ? 1 : lists.learning_rate, /*dampening=*/0.0, nesterov && has_momentum,
                    /*maximize=*/false, /*is_first_step=*/false, /*grad_scale=*/std::nullopt, lists.found_bad);
  };
  return {.slots = 1,
          .bounded = momentum <= kLargestFactor && are_bounded(trust_coefficients),
          .prepare = prepare,
          .rule = rule};
}

CONTRASTIVE_UPDATE(lars_, lars,
                   "float[] trust_coefficients, float momentum, bool nesterov, bool rate_in_momentum, "
                   "bool separate_norms");

}  // namespace
}  // namespace contrastive::optim
