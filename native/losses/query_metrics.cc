#include "losses/query_metrics.h"

#include <c10/core/GradMode.h>
#include <c10/core/impl/LocalDispatchKeySet.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/infinity.h"
#include "core/op.h"
#include "losses/contrastive_metrics.h"

namespace contrastive::losses {
namespace {

constexpr int64_t kPairsAtOnce = 1 << 20;

at::Tensor unit(const at::Tensor& x) {
  const at::Tensor rows = x.to(at::kFloat);
  return rows / rows.norm(2, {1}, /*keepdim=*/true).clamp_min(kNormEpsilon);
}

at::Tensor equal_pairs(const at::Tensor& rows, const at::Tensor& columns) {
  return rows.unsqueeze(1).eq(columns.unsqueeze(0));
}

}  // namespace

at::Tensor query_metrics(const at::Tensor& features, const at::Tensor& ids, const std::optional<at::Tensor>& labels,
                         const std::optional<at::Tensor>& bank, const std::optional<at::Tensor>& bank_ids,
                         const std::optional<at::Tensor>& bank_labels) {
  CONTRASTIVE_CHECK(features.dim() == 3 && features.size(1) == 2 && features.numel() > 0, kShapeError,
                    "features must have shape (batch, 2, dim), a query and its key, got ", features.sizes());
  const int64_t batch = features.size(0), size = bank ? bank->size(0) : 0;
  CONTRASTIVE_CHECK(!bank || (bank_ids && (!labels || bank_labels)), kOptionError,
                    "a bank needs ids, and labels where the batch has them");
  if (features.is_meta()) return at::empty({kMetrics}, features.options().dtype(at::kFloat));
  const c10::NoGradGuard no_grad;
  const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);

  const at::Tensor queries = unit(features.select(1, 0));
  const at::Tensor own = (queries * unit(features.select(1, 1))).sum(1);  // (B)
  const auto sum = [](const at::Tensor& x) { return x.sum(at::kDouble); };
  const auto potential = [](const at::Tensor& s) { return s.sub(1).mul_(2 * kUniformityScale).exp_(); };
  at::Tensor positive_pairs = at::full({}, batch, own.options().dtype(at::kDouble));
  at::Tensor positive_sum = sum(own), negative_sum = at::zeros_like(positive_sum), potentials = sum(potential(own));
  at::Tensor hits = at::full({}, bank ? 0 : batch, positive_pairs.options());

  const at::Tensor keys = bank ? unit(*bank).t() : at::Tensor();  // (dim, K)
  const int64_t at_once = std::max<int64_t>(1, kPairsAtOnce / std::max<int64_t>(1, size));
  for (int64_t begin = 0; bank && begin < batch; begin += at_once) {
    const auto part = [&](const at::Tensor& x) { return x.narrow(0, begin, std::min(at_once, batch - begin)); };
    const at::Tensor s = at::mm(part(queries), keys);  // (rows, K)
    at::Tensor positive = equal_pairs(part(ids), *bank_ids);
    if (labels) positive.logical_or_(equal_pairs(part(*labels), *bank_labels));
    const at::Tensor of_negatives = s.masked_fill(positive, 0);
    positive_pairs += positive.sum();
    positive_sum += sum(s) - sum(of_negatives);
    negative_sum += sum(of_negatives);
    potentials += sum(potential(s));
    const at::Tensor nearest = at::maximum(part(own), s.masked_fill(positive.logical_not(), -kInfinity).amax(1));
    hits += nearest.gt(s.masked_fill(positive, -kInfinity).amax(1)).sum();
  }

  const double pairs = static_cast<double>(batch) * static_cast<double>(1 + size);
  const at::Tensor similarity = positive_sum / positive_pairs;
  const at::Tensor deviation = queries.to(at::kDouble).std(at::IntArrayRef{0}, /*correction=*/at::Scalar(0)).mean();
  return at::stack({hits / static_cast<double>(batch), similarity, negative_sum / (pairs - positive_pairs),
                    2 - 2 * similarity, (potentials / pairs).log(),
                    deviation * std::sqrt(static_cast<double>(queries.size(1))),
                    at::full({}, batch, positive_pairs.options())})
      .to(at::kFloat);
}

CONTRASTIVE_OP(query_metrics,
               "query_metrics(Tensor features, Tensor ids, Tensor? labels=None, Tensor? bank=None, "
               "Tensor? bank_ids=None, Tensor? bank_labels=None) -> Tensor");

}  // namespace contrastive::losses
