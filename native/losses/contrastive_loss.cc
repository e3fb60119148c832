// The family of contrastive losses: one formula with the choices of LossOptions, over the kernel's sums.
//
//   L_i = −Σ_p w_ip / W_i · ( s_ip − log D_ip )              (variant "out")
//   L_i = −log( Σ_p w_ip / W_i · exp(s_ip) / D_ip )          (variant "in")
//
// s_ij = z_i·z_j / τ, w_ip the weight of p as a positive of i, W_i = Σ_p w_ip, D_ip the denominator.
#include <ATen/ATen.h>
#include <c10/core/impl/LocalDispatchKeySet.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>
#include <utility>
#include <vector>

#include "core/choice.h"
#include "core/host_copy.h"
#include "core/infinity.h"
#include "core/op.h"
#include "losses/block_size.h"
#include "losses/candidates.h"
#include "losses/class_sums.h"
#include "losses/loss_inputs.h"
#include "losses/positive_terms.h"

namespace contrastive::losses {
namespace {

// |s| is at most this; infinity where only a device knows, which nobody waits for.
double bound_of(const Candidates& candidates, bool normalize, double temperature) {
  if (normalize) return 1 / temperature;
  if (!candidates.rows.is_cpu()) return kInfinity;
  const auto longest = [](const at::Tensor& x) { return x.detach().square().sum(1).max().item<double>(); };
  const double rows = longest(candidates.rows);
  const double bank = candidates.bank.defined() ? longest(candidates.bank) : 0;
  return std::sqrt(rows * std::max(rows, bank)) / temperature;
}

// 0, or NaN when x holds one.
at::Tensor zero_or_nan(const at::Tensor& x) { return x.detach().sum(1).mul_(0).sum(); }

// The loss, or NaN where a class that only the device knows is below 0: check() would have to wait for it.
at::Tensor nan_where_unlabelled(const at::Tensor& loss, const OptionalTensor& labels) {
  if (!labels || labels->dim() != 1 || known_on_host(*labels)) return loss;
  return loss.masked_fill(labels->lt(0).any(), std::numeric_limits<double>::quiet_NaN());
}

// Whether τ is divided out of the rows, (z_i/√τ)·(z_j/√τ), instead of out of similarities: so nobody waits for one that
// only the device knows. Not where a bank's part in its gradient would be lacking, nor where σ goes with it.
bool is_divided_out_of_rows(const LossInputs& inputs, const LossOptions& options) {
  const OptionalTensor& learned = inputs.learned_temperature;
  return learned && !known_on_host(*learned) && !(inputs.bank && learned->requires_grad()) && !options.sigma;
}

struct ValidAnchors {
  at::Tensor valid;  // bool (anchors)
  at::Tensor count;  // int64 ()
};

ValidAnchors valid_anchors(const PairCounts& counts, const LossOptions& options) {
  at::Tensor valid = counts.totals > 0;
  if (options.denominators == Denominators::kNegatives) valid = valid.logical_and(counts.negatives > 0);
  const at::Tensor count = valid.sum();
  if (options.no_positives == NoPositives::kError) {
    const int64_t lacking = valid.size(0) - count.item<int64_t>();
    CONTRASTIVE_CHECK(lacking == 0, kDataError, lacking, " of ", valid.size(0), " anchors have no positive",
                      options.denominators == Denominators::kNegatives ? " or no negative" : "",
                      ", and noPositives is 'error'");
  }
  return {valid, count};
}

// L (anchors); not finite, perhaps, where an anchor is not valid. temperature: τ (). learned: the same where the sums
// give it a gradient.
at::Tensor losses_of(const at::Tensor& z, const Pairs& pairs, const PairCounts& counts, const at::Tensor& temperature,
                     const OptionalTensor& learned, const LossOptions& options) {
  const bool in = options.variant == Variant::kIn, mises = options.sigma.has_value();
  const Denominators kind = options.denominators;
  const bool shared = kind != Denominators::kNegativesAndOnePositive;  // one denominator for all positives of an anchor
  // An anchor without a positive is left out later; until then nothing is divided by its 0.
  const at::Tensor totals = at::where(counts.totals > 0, counts.totals, at::ones_like(counts.totals));

  const DenominatorSums denominators(kind, options.hard_negatives);
  std::vector<PairSum> sums = denominators.needed();
  const bool by_class = !mises && shared && !in && has_class_sums(pairs);
  const double mises_exponent = mises ? pairs.temperature / *options.sigma : 0;
  if (!mises && shared && !by_class) sums.push_back({Role::kWeighted, in ? std::optional(1.0) : std::nullopt});
  if (mises && !options.weight_gradient) sums.push_back({Role::kWeighted, mises_exponent});
  const at::Tensor made = pair_sums(z, learned, pairs, sums);
  const at::Tensor denominator = denominators.log_of(made, counts, temperature);

  if (mises) {
    // With a gradient it is a sum of its own: the exponent holds no τ, so that no gradient of τ may come by it.
    const at::Tensor log_sums = options.weight_gradient
                                    ? pair_sums(z, std::nullopt, pairs, {{Role::kWeighted, mises_exponent}})[0]
                                    : made[-1].detach();
    const at::Tensor log_mean = log_sums.logsumexp(0) - counts.totals.sum().log();
    const VonMises weighting{mises_exponent, log_mean, options.weight_gradient};
    return denominator - positive_terms(z, denominator, learned, pairs, PositiveTerm::kVonMises, weighting) / totals;
  }
  if (by_class) {
    const at::Tensor products = products_by_class(z, pairs);
    return denominator - (learned ? products / temperature : products / pairs.temperature) / totals;
  }
  if (shared) return denominator - (in ? made[-1] - totals.log() : made[-1] / totals);
  if (!in) return positive_terms(z, denominator, learned, pairs, PositiveTerm::kLogShares).neg() / totals;
  return totals.log() - positive_terms(z, denominator, learned, pairs, PositiveTerm::kShares);
}

// Mean over anchors, times loss_scale; and how many anchors have a value, int64 (). Computed in float32, float64
// features in float64. An anchor has a value when it has a positive, and under denominators "negatives" a negative too.
// The loss is NaN when a feature is. Differentiable once in features and learned_temperature.
std::tuple<at::Tensor, at::Tensor> mean_loss(const LossInputs& inputs, const LossOptions& options) {
  // Autocast would run the similarities in bfloat16.
  const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
  check(inputs, options);
  const bool is_in_rows = is_divided_out_of_rows(inputs, options);
  const double temperature = is_in_rows ? 1 : temperature_of(inputs, options);
  const at::Tensor& features = inputs.features;
  const int64_t batch = features.size(0), rows = batch * features.size(1);
  const int64_t anchors = options.anchors == Anchors::kAll ? rows : batch;
  const auto dtype = features.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  const auto& learned = inputs.learned_temperature;

  if (features.is_meta()) {  // what depends on both, of the right shape and dtype
    at::Tensor loss = features.to(dtype).sum();
    if (learned) loss = loss * learned->to(dtype).sum();
    return {loss, at::empty({}, features.options().dtype(at::kLong).requires_grad(false))};
  }

  Candidates candidates = candidates_of(inputs, options.normalize, anchors);
  const at::Tensor& z = candidates.rows;
  const at::Tensor tau = learned ? learned->to(dtype).reshape({}) : at::scalar_tensor(temperature, z.options());
  if (is_in_rows) {
    const at::Tensor root = tau.masked_fill(tau.isinf(), std::numeric_limits<double>::quiet_NaN()).sqrt();
    candidates.rows = candidates.rows / root;
    if (candidates.bank.defined()) candidates.bank = candidates.bank / root;
  }
  Pairs pairs{.positives = candidates.positives,
              .cap = std::nullopt,
              .rows = rows,
              .anchors = anchors,
              .queries = options.anchors == Anchors::kQueries,
              .bank = candidates.bank,
              .temperature = temperature,
              .bound = is_in_rows ? kInfinity : bound_of(candidates, options.normalize, temperature),
              .block = options.block > 0 ? options.block : default_block(z)};
  if (options.max_positives > 0)
    pairs.cap = cap_positives(pairs, options.max_positives, options.seed, candidates.order);
  pairs.ranks = ranks_for(static_cast<int64_t>(blocks_of(pairs).size()));
  const PairCounts counts = count_pairs(pairs, z.detach());
  const auto [valid, count] = valid_anchors(counts, options);

  const at::Tensor losses = losses_of(z, pairs, counts, tau, is_in_rows ? std::nullopt : learned, options);
  const at::Tensor counted =
      options.no_positives == NoPositives::kZero ? at::full({}, anchors, z.options()) : count.clamp_min(1).to(dtype);
  at::Tensor loss = at::where(valid, losses, at::zeros_like(losses)).sum() * (options.loss_scale / counted);
  loss = loss + zero_or_nan(z);
  if (pairs.bank.defined()) loss = loss + zero_or_nan(pairs.bank);
  return {nan_where_unlabelled(loss, inputs.labels), count};
}

std::tuple<at::Tensor, at::Tensor> contrastive_loss(
    const at::Tensor& features, const OptionalTensor& labels, const OptionalTensor& mask, const OptionalTensor& ids,
    const OptionalTensor& bank, const OptionalTensor& bank_labels, const OptionalTensor& bank_ids,
    const OptionalTensor& learned_temperature, double temperature, int64_t min_views, const std::string& variant,
    const std::string& denominators, const std::string& anchors, const std::string& no_positives, int64_t max_positives,
    int64_t seed, double concentration, double class_prior, std::optional<double> sigma, bool weight_gradient,
    double loss_scale, bool normalize, int64_t block) {
  return mean_loss(
      {features, labels, mask, ids, bank, bank_labels, bank_ids, learned_temperature},
      {temperature,
       min_views,
       choice_of<Variant>("variant", variant, {"out", "in"}),
       choice_of<Denominators>("denominators", denominators, {"all", "negatives-and-one-positive", "negatives"}),
       choice_of<Anchors>("anchors", anchors, {"all", "first", "queries"}),
       choice_of<NoPositives>("no_positives", no_positives, {"ignore", "zero", "error"}),
       max_positives,
       seed,
       {concentration, class_prior},
       sigma,
       weight_gradient,
       loss_scale,
       normalize,
       block});
}

CONTRASTIVE_OP(
    contrastive_loss,
    "contrastive_loss(Tensor features, Tensor? labels=None, Tensor? mask=None, Tensor? ids=None, Tensor? bank=None, "
    "Tensor? bank_labels=None, Tensor? bank_ids=None, Tensor? learned_temperature=None, "
    "*, float temperature=0.1, int min_views=1, str variant='out', str denominators='all', str anchors='all', "
    "str no_positives='ignore', int max_positives=0, int seed=0, float concentration=0.0, float class_prior=0.0, "
    "float? sigma=None, bool weight_gradient=False, float loss_scale=1.0, bool normalize=True, int block=0) "
    "-> (Tensor loss, Tensor valid_anchors)");

}  // namespace
}  // namespace contrastive::losses
