#include "losses/denominators.h"

#include <cmath>

#include "core/infinity.h"

namespace contrastive::losses {
namespace {

// x where the condition holds. An anchor without a negative, or without a positive, has infinite sums; what they would
// bring is left out later, and must not make NaN before.
at::Tensor where(const at::Tensor& condition, const at::Tensor& x, double otherwise) {
  return at::where(condition, x, at::scalar_tensor(otherwise, x.options()));
}

}  // namespace

DenominatorSums::DenominatorSums(Denominators denominators, HardNegatives hard)
    : denominators_(denominators), hard_(hard) {
  if (denominators == Denominators::kAll && !hard.any()) {
    needed_ = {{Role::kAll, 1}};
    return;
  }
  const double beta = hard.concentration;
  needed_ = {{Role::kNegatives, 1 + beta}};
  if (beta > 0) needed_.push_back({Role::kNegatives, beta});
  if (hard.class_prior > 0) needed_.push_back({Role::kWeighted, 1});
  if (denominators == Denominators::kAll) needed_.push_back({Role::kPositives, 1});
}

at::Tensor DenominatorSums::log_of(const at::Tensor& sums, const PairCounts& counts,
                                   const at::Tensor& temperature) const {
  if (!hard_.any()) return sums[0];
  const at::Tensor negatives = log_hard_negatives(sums, counts, temperature);
  if (denominators_ != Denominators::kAll) return negatives;
  return at::logaddexp(where(counts.totals > 0, sums[static_cast<int64_t>(needed_.size()) - 1], 0), negatives);
}

// log max( (R − τ⁺ M Ū) / (1 − τ⁺), M exp(−1/τ) ), with M negatives n, positives p, and
// R = M Σ_n exp((1 + β) s_n) / Σ_n exp(β s_n), Ū = Σ_p w_p exp(s_p) / W.
at::Tensor DenominatorSums::log_hard_negatives(const at::Tensor& sums, const PairCounts& counts,
                                               const at::Tensor& temperature) const {
  const at::Tensor present = counts.negatives > 0;
  int64_t next = 0;
  const at::Tensor log_count = counts.negatives.clamp_min(1).log();
  at::Tensor negatives = where(present, sums[next++], 0);
  if (hard_.concentration > 0) negatives = negatives + log_count - where(present, sums[next++], 0);
  if (hard_.class_prior > 0) {
    const at::Tensor paired = counts.totals > 0;
    const at::Tensor mean_positive = where(paired, sums[next++], 0) - where(paired, counts.totals, 1).log();
    const at::Tensor own = mean_positive + log_count + std::log(hard_.class_prior);
    const at::Tensor least = log_count - 1 / temperature;
    // The logarithm of the difference, taken only where it is the maximum: elsewhere it and its gradient are not
    // finite.
    const at::Tensor tried = (own - negatives).detach();
    const at::Tensor difference = negatives.detach() + at::log1p(tried.exp().neg()) - std::log1p(-hard_.class_prior);
    const at::Tensor chosen = paired.logical_and(difference >= least.detach());
    const at::Tensor ratio = at::where(chosen, own - negatives, at::full_like(tried, -1));
    negatives = at::where(chosen, negatives + at::log1p(ratio.exp().neg()) - std::log1p(-hard_.class_prior), least);
  }
  return where(present, negatives, -kInfinity);
}

}  // namespace contrastive::losses
