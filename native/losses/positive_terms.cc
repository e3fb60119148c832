#include "losses/positive_terms.h"

#include <c10/core/impl/LocalDispatchKeySet.h>
#include <torch/csrc/autograd/custom_function.h>

#include <optional>
#include <utility>

#include "core/infinity.h"
#include "losses/pair_gradient.h"

namespace contrastive::losses {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

struct TermProblem : torch::CustomClassHolder {
  TermProblem(Pairs p, PositiveTerm t, VonMises w) : pairs(std::move(p)), term(t), weighting(std::move(w)) {}
  Pairs pairs;
  PositiveTerm term;
  VonMises weighting;
  at::Tensor values;  // what the forward pass gave, (anchors)
};

// Calls visit(block, side, s of the block) for each side that holds a positive.
template <typename Visit>
void for_each_side(const Pairs& pairs, const at::Tensor& z, Visit visit) {
  Similarities similarities(pairs, z);
  for (const Block& block : own_blocks_of(pairs)) {
    const std::vector<Side> sides = sides_of(pairs, block);
    at::Tensor s;
    for (const Side& side : sides) {
      if (!side.positives) continue;
      if (!s.defined()) s = similarities.block(block);
      visit(block, side, s);
    }
  }
}

// 2 − exp(κ s − m) where there is a positive: elsewhere exp could overflow.
at::Tensor von_mises(const at::Tensor& s, const at::Tensor& positives, const VonMises& weighting) {
  at::Tensor x = s * weighting.concentration - weighting.log_mean;
  return x.masked_fill_(positives.eq(0), -kInfinity).exp_().neg_().add_(2);
}

at::Tensor forward_terms(const TermProblem& problem, const at::Tensor& z, const at::Tensor& offsets) {
  const bool shares = problem.term == PositiveTerm::kShares;
  at::Tensor totals = at::full({problem.pairs.anchors}, shares ? -kInfinity : 0, z.options());
  for_each_side(problem.pairs, z, [&](const Block&, const Side& side, const at::Tensor& s) {
    at::Tensor total = totals.narrow(0, side.anchors.begin, side.anchors.size());
    const at::Tensor x = side.oriented(s);
    if (problem.term == PositiveTerm::kVonMises) {
      total.add_(von_mises(x, *side.positives, problem.weighting).mul_(x).mul_(*side.positives).sum(1));
      return;
    }
    const at::Tensor log_shares = at::log_sigmoid(side.oriented(s - side.spread(offsets)));
    if (shares)
      total.copy_(at::logaddexp(total, at::logsumexp(log_shares + side.positives->log(), 1)));
    else
      total.add_((log_shares * *side.positives).sum(1));
  });
  (shares ? join_log_sums : join_sums)(problem.pairs.ranks, totals);
  return totals;
}

class PositiveTermsGradient : public Function<PositiveTermsGradient> {
 public:
  static variable_list forward(AutogradContext*, const at::Tensor& z, const at::Tensor& offsets,
                               const std::optional<at::Tensor>& temperature, const at::Tensor& upstream,
                               const c10::intrusive_ptr<TermProblem>& problem) {
    const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
    const VonMises& weighting = problem->weighting;
    PairGradient gradient(problem->pairs, z);
    std::optional<PairGradient> of_factors;
    if (weighting.gradient) of_factors.emplace(problem->pairs, z);
    at::Tensor of_offsets = at::zeros_like(offsets), of_log_mean = at::zeros({}, z.options());
    const at::Tensor log_sums = problem->values.masked_fill(problem->values.eq(-kInfinity), kInfinity);
    for_each_side(problem->pairs, z, [&](const Block& block, const Side& side, const at::Tensor& s) {
      const at::Tensor weights = side.oriented(*side.positives);
      at::Tensor g = side.spread(upstream) * weights;
      if (problem->term == PositiveTerm::kVonMises) {
        const at::Tensor factors = von_mises(s, weights, weighting);
        if (of_factors) {
          const at::Tensor by_mean = g * s * (2 - factors);  // exp(κ s − m) = 2 − factor
          of_log_mean.add_(by_mean.sum());
          of_factors->add(block, by_mean * -weighting.concentration);
        }
        g *= factors;
      } else {
        const at::Tensor margins = s - side.spread(offsets);
        if (problem->term == PositiveTerm::kShares)
          g = (at::log_sigmoid(margins) + weights.log() - side.spread(log_sums)).exp_() * side.spread(upstream);
        g *= margins.neg().sigmoid_();
        of_offsets.narrow(0, side.anchors.begin, side.anchors.size()).sub_(side.oriented(g).sum(1));
      }
      gradient.add(block, g);
    });
    gradient.join();
    if (of_factors) of_factors->join();
    join_sums(problem->pairs.ranks, of_offsets);
    join_sums(problem->pairs.ranks, of_log_mean);
    const at::Tensor of_features =
        of_factors ? gradient.of_features() + of_factors->of_features() : gradient.of_features();
    variable_list all = {of_features, of_offsets, of_log_mean};
    if (temperature) all.push_back(gradient.of_temperature(*temperature));
    return all;
  }

  static variable_list backward(AutogradContext*, const variable_list&) { refuse_second_derivative(); }
};

class PositiveTermsFunction : public Function<PositiveTermsFunction> {
 public:
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& z, const at::Tensor& offsets,
                            const std::optional<at::Tensor>& temperature, const std::optional<at::Tensor>&,
                            const c10::intrusive_ptr<TermProblem>& problem) {
    const at::Tensor values = forward_terms(*problem, z, offsets);
    problem->values = values.detach();  // the output itself would hold this node, and this node it
    ctx->save_for_backward(temperature ? variable_list{z, offsets, *temperature} : variable_list{z, offsets});
    ctx->saved_data["problem"] = c10::IValue::make_capsule(problem);
    return values;
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& upstream) {
    const variable_list saved = ctx->get_saved_variables();
    const auto problem = c10::static_intrusive_pointer_cast<TermProblem>(ctx->saved_data["problem"].toCapsule());
    const auto temperature = saved.size() > 2 ? std::optional(saved[2]) : std::nullopt;
    const variable_list made = PositiveTermsGradient::apply(saved[0], saved[1], temperature, upstream[0], problem);
    const at::Tensor none;
    return {made[0], made[1], temperature ? made[3] : none, problem->weighting.gradient ? made[2] : none, none};
  }
};

}  // namespace

at::Tensor positive_terms(const at::Tensor& z, const at::Tensor& offsets, const std::optional<at::Tensor>& temperature,
                          const Pairs& pairs, PositiveTerm term, const VonMises& weighting) {
  VonMises kept = weighting;  // m with its graph is an argument; the problem would hold the graph, and the graph it
  if (kept.log_mean.defined()) kept.log_mean = kept.log_mean.detach();
  return PositiveTermsFunction::apply(z, offsets, temperature,
                                      weighting.gradient ? std::optional(weighting.log_mean) : std::nullopt,
                                      c10::make_intrusive<TermProblem>(pairs, term, std::move(kept)));
}

}  // namespace contrastive::losses
