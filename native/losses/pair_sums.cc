#include "losses/pair_sums.h"

#include <c10/core/impl/LocalDispatchKeySet.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <utility>

#include "core/infinity.h"
#include "losses/pair_gradient.h"

namespace contrastive::losses {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

// exp(x) and sums of it neither overflow nor lose precision in float32 for |x| up to here, so that no maximum need be
// subtracted: exp(±40) = 2.4e17, 4.2e-18.
constexpr double kExpBound = 40;

// The weight of each candidate, (anchors, candidates): undefined where all are 1, nothing where all are 0.
std::optional<at::Tensor> weights_of(const Side& side, Role role) {
  const auto as_number = [&](const at::Tensor& truth) { return truth.to(side.related->scalar_type()); };
  switch (role) {
    case Role::kAll:
      return at::Tensor();
    case Role::kNegatives:
      return side.related ? as_number(side.related->eq(0)) : at::Tensor();
    case Role::kPositives:
      return side.related ? std::optional(as_number(side.related->gt(0))) : std::nullopt;
    case Role::kWeighted:
      return side.positives;
  }
  return std::nullopt;
}

struct SumProblem : torch::CustomClassHolder {
  SumProblem(Pairs p, std::vector<PairSum> s) : pairs(std::move(p)), sums(std::move(s)) {
    for (const PairSum& sum : sums)
      if (sum.exponent && std::find(exponents.begin(), exponents.end(), *sum.exponent) == exponents.end())
        exponents.push_back(*sum.exponent);
  }

  bool asks_for_positives() const {
    return std::ranges::any_of(sums, [](const PairSum& sum) { return sum.role != Role::kAll; });
  }
  bool bounded(double exponent) const { return pairs.bound * exponent <= kExpBound; }

  // Calls visit(sum, side, weights) for each sum of this exponent and each side that has a part in it.
  template <typename Visit>
  void for_each_sum(std::optional<double> exponent, const std::vector<Side>& sides, Visit visit) const {
    for (size_t k = 0; k < sums.size(); ++k)
      for (const Side& side : sides)
        if (sums[k].exponent == exponent)
          if (const auto weights = weights_of(side, sums[k].role)) visit(k, side, *weights);
  }

  Pairs pairs;
  std::vector<PairSum> sums;
  std::vector<double> exponents;  // each once
  at::Tensor values;              // what the forward pass gave, (sums, anchors)
};

// exponent · s, in the place of s when nobody needs that any more.
at::Tensor scaled(at::Tensor& s, double exponent, bool in_place) {
  if (exponent == 1) return in_place ? s : s.clone();
  return in_place ? s.mul_(exponent) : s.mul(exponent);
}

at::Tensor forward_sums(const SumProblem& problem, const at::Tensor& z) {
  const Pairs& pairs = problem.pairs;
  const std::vector<PairSum>& sums = problem.sums;
  std::vector<at::Tensor> totals;  // of exp(x) where x is bounded, else their logarithm
  totals.reserve(sums.size());
  for (const PairSum& sum : sums)
    totals.push_back(
        at::full({pairs.anchors}, !sum.exponent || problem.bounded(*sum.exponent) ? 0 : -kInfinity, z.options()));
  const auto total = [&](size_t k, const Side& side) {
    return totals[k].narrow(0, side.anchors.begin, side.anchors.size());
  };

  Similarities similarities(pairs, z);
  for (const Block& block : own_blocks_of(pairs)) {
    at::Tensor s = similarities.block(block);
    const std::vector<Side> sides = sides_of(pairs, block, problem.asks_for_positives());
    problem.for_each_sum(std::nullopt, sides, [&](size_t k, const Side& side, const at::Tensor& weights) {
      total(k, side).add_((side.oriented(s) * weights).sum(1));
    });
    hide(block, s, -kInfinity);
    for (const double exponent : problem.exponents) {
      at::Tensor x = scaled(s, exponent, exponent == problem.exponents.back());
      const bool bounded = problem.bounded(exponent);
      if (bounded) x.exp_();
      problem.for_each_sum(exponent, sides, [&](size_t k, const Side& side, const at::Tensor& weights) {
        at::Tensor terms = side.oriented(x), sum = total(k, side);
        if (weights.defined()) terms = bounded ? terms * weights : terms + weights.log();
        if (bounded)
          sum.add_(terms.sum(1));
        else
          sum.copy_(at::logaddexp(sum, at::logsumexp(terms, 1)));
      });
    }
  }
  for (size_t k = 0; k < sums.size(); ++k) {
    const auto& exponent = sums[k].exponent;
    const bool is_sum = !exponent || problem.bounded(*exponent);
    (is_sum ? join_sums : join_log_sums)(pairs.ranks, totals[k]);
    if (exponent && is_sum) totals[k].log_();
  }
  return at::stack(totals);
}

// What exp(x) of a block is multiplied by: a value an anchor, for either side, and a value a pair.
class Factors {
 public:
  void add(const Side& side, const at::Tensor& values, const at::Tensor& weights) {
    if (weights.defined())
      add_to(of_pairs_, side.spread(values) * side.oriented(weights));
    else
      add_to(side.of_columns ? of_columns_ : of_rows_, side.spread(values));
  }

  void multiply(at::Tensor& x) const {
    at::Tensor factor;
    for (const at::Tensor& each : {of_rows_, of_columns_, of_pairs_})
      if (each.defined()) add_to(factor, each);
    if (factor.defined())
      x.mul_(factor);
    else
      x.zero_();
  }

 private:
  static void add_to(at::Tensor& sum, const at::Tensor& x) { sum = sum.defined() ? sum + x : x; }

  at::Tensor of_rows_, of_columns_, of_pairs_;
};

// ∂/∂s of a block, given ∂/∂values.
class SimilarityGradient {
 public:
  SimilarityGradient(const SumProblem& problem, const at::Tensor& upstream) : problem_(problem) {
    for (int64_t k = 0; k < static_cast<int64_t>(problem.sums.size()); ++k) {
      const auto& exponent = problem.sums[k].exponent;
      at::Tensor values = upstream[k];
      // An empty sum has no gradient: exp(x − ∞) = 0.
      const at::Tensor log_sum = problem.values[k].masked_fill(problem.values[k].eq(-kInfinity), kInfinity);
      if (exponent) values = values * *exponent;
      if (exponent && problem.bounded(*exponent)) values = values * log_sum.neg().exp();
      values_.push_back(values);
      log_sums_.push_back(log_sum);
    }
  }

  // Overwrites s.
  at::Tensor of(at::Tensor& s, const Block& block, const std::vector<Side>& sides) const {
    at::Tensor gradient;
    const auto add = [&](const at::Tensor& x) { gradient = gradient.defined() ? x.add_(gradient) : x; };
    for (const double exponent : problem_.exponents) {
      at::Tensor x = scaled(s, exponent, exponent == problem_.exponents.back());
      if (problem_.bounded(exponent)) {
        Factors factors;
        problem_.for_each_sum(exponent, sides, [&](size_t k, const Side& side, const at::Tensor& weights) {
          factors.add(side, values_[k], weights);
        });
        factors.multiply(x.exp_());
        add(x);
      } else {
        problem_.for_each_sum(exponent, sides, [&](size_t k, const Side& side, const at::Tensor& weights) {
          at::Tensor shares = x - side.spread(log_sums_[k]);
          if (weights.defined()) shares += side.oriented(weights).log();
          add(shares.exp_().mul_(side.spread(values_[k])));
        });
      }
    }
    if (!gradient.defined()) gradient = s.zero_();
    problem_.for_each_sum(std::nullopt, sides, [&](size_t k, const Side& side, const at::Tensor& weights) {
      gradient.addcmul_(side.spread(values_[k]), side.oriented(weights));
    });
    hide(block, gradient, 0);
    return gradient;
  }

 private:
  const SumProblem& problem_;
  std::vector<at::Tensor> values_, log_sums_;
};

// The first derivative, as a function of its own: its derivative is refused instead of taken for zero.
class PairSumsGradient : public Function<PairSumsGradient> {
 public:
  static variable_list forward(AutogradContext*, const at::Tensor& z, const std::optional<at::Tensor>& temperature,
                               const at::Tensor& upstream, const c10::intrusive_ptr<SumProblem>& problem) {
    const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
    const SimilarityGradient of_similarities(*problem, upstream);
    PairGradient gradient(problem->pairs, z);
    Similarities similarities(problem->pairs, z);
    for (const Block& block : own_blocks_of(problem->pairs)) {
      at::Tensor s = similarities.block(block);
      gradient.add(block, of_similarities.of(s, block, sides_of(problem->pairs, block, problem->asks_for_positives())));
    }
    gradient.join();
    if (!temperature) return {gradient.of_features()};
    return {gradient.of_features(), gradient.of_temperature(*temperature)};
  }

  static variable_list backward(AutogradContext*, const variable_list&) { refuse_second_derivative(); }
};

class PairSumsFunction : public Function<PairSumsFunction> {
 public:
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& z, const std::optional<at::Tensor>& temperature,
                            const c10::intrusive_ptr<SumProblem>& problem) {
    const at::Tensor values = forward_sums(*problem, z);
    problem->values = values.detach();  // the output itself would hold this node, and this node it
    ctx->save_for_backward(temperature ? variable_list{z, *temperature} : variable_list{z});
    ctx->saved_data["problem"] = c10::IValue::make_capsule(problem);
    return values;
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& upstream) {
    const variable_list saved = ctx->get_saved_variables();
    const auto problem = c10::static_intrusive_pointer_cast<SumProblem>(ctx->saved_data["problem"].toCapsule());
    const auto temperature = saved.size() > 1 ? std::optional(saved[1]) : std::nullopt;
    variable_list gradients = PairSumsGradient::apply(saved[0], temperature, upstream[0], problem);
    gradients.resize(3);
    return gradients;
  }
};

}  // namespace

at::Tensor pair_sums(const at::Tensor& z, const std::optional<at::Tensor>& temperature, const Pairs& pairs,
                     std::vector<PairSum> sums) {
  return PairSumsFunction::apply(z, temperature, c10::make_intrusive<SumProblem>(pairs, std::move(sums)));
}

}  // namespace contrastive::losses
