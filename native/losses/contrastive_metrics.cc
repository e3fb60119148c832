#include "losses/contrastive_metrics.h"

#include <c10/core/GradMode.h>
#include <c10/core/impl/LocalDispatchKeySet.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "core/error.h"
#include "core/host_copy.h"
#include "core/infinity.h"
#include "core/op.h"
#include "losses/block_size.h"
#include "losses/shared_pairs.h"

namespace contrastive::losses {
namespace {

void check(const at::Tensor& features, const std::optional<at::Tensor>& labels, int64_t block) {
  CONTRASTIVE_CHECK(features.dim() == 3 && features.numel() > 0, kShapeError,
                    "features must have shape (batch, views, dim), none of them 0, got ", features.sizes());
  CONTRASTIVE_CHECK(at::isFloatingType(features.scalar_type()), kDTypeError, "features must be floating, got ",
                    features.scalar_type());
  CONTRASTIVE_CHECK(block >= 0, kOptionError, "block must be >= 0, got ", block);
  if (!labels) return;
  CONTRASTIVE_CHECK(labels->dim() == 1 && labels->size(0) == features.size(0), kShapeError,
                    "labels must have shape (batch) = [", features.size(0), "], got ", labels->sizes());
  CONTRASTIVE_CHECK(at::isIntegralType(labels->scalar_type(), /*includeBool=*/true), kDTypeError,
                    "labels must be integers, got ", labels->scalar_type());
  CONTRASTIVE_CHECK(labels->device() == features.device(), kDeviceError, "labels are on ", labels->device(),
                    ", features on ", features.device());
}

// sum / count; NaN over nothing, where the sum may be a rounding error. Both are scalars.
at::Tensor mean_over(const at::Tensor& sum, const at::Tensor& count) { return sum.masked_fill(count.eq(0), 0) / count; }

// The rows in order of their class, so that most blocks hold no positive: which, the host says where it knows the
// labels.
class Rows {
 public:
  Rows(const at::Tensor& features, const std::optional<at::Tensor>& labels) {
    const int64_t batch = features.size(0), views = features.size(1);
    const at::Tensor of_samples = labels ? known_on_host(*labels).value_or(*labels) : at::arange(batch, at::kLong);
    const at::Tensor of_rows = of_samples.to(at::kLong).unsqueeze(1).expand({batch, views}).reshape({-1});
    const auto [sorted, order] = of_rows.sort(/*stable=*/true, /*dim=*/0, /*descending=*/false);
    const at::Tensor flat = features.to(at::kFloat).reshape({batch * views, features.size(2)});
    z = (flat / flat.norm(2, {1}, /*keepdim=*/true).clamp_min(kNormEpsilon))
            .index_select(0, send(order, features.device()));
    const at::Tensor is_new = sorted.narrow(0, 1, count() - 1).ne(sorted.narrow(0, 0, count() - 1));
    const at::Tensor places = at::cat({at::zeros({1}, sorted.options()), is_new.cumsum(0)});
    classes = send(places, features.device());
    lowest_label = sorted.select(0, 0);
    if (!places.is_cpu()) return;
    const auto lowest = lowest_label.item<int64_t>();
    CONTRASTIVE_CHECK(lowest >= 0, kOptionError, "labels must be integers >= 0, got ", lowest);
    known_classes_.assign(places.const_data_ptr<int64_t>(), places.const_data_ptr<int64_t>() + count());
  }

  int64_t count() const { return z.size(0); }

  // Whether a row up to `last` may be of the class of one from `first` on.
  bool may_share_class(int64_t last, int64_t first) const {
    return known_classes_.empty() || known_classes_[last] >= known_classes_[first];
  }

  at::Tensor z;             // float32 (rows, dim), of length one or zero
  at::Tensor classes;       // int64 (rows), from 0, ascending
  at::Tensor lowest_label;  // ()

 private:
  std::vector<int64_t> known_classes_;  // the same on the host; empty where only the device knows
};

struct Neighbours {
  at::Tensor positive, negative;  // float32 (rows): −2 |z_i − z_j|² of the nearest, −∞ where there is none
  at::Tensor potential;           // float64 (): Σ_{i≠j} exp(−2 |z_i − z_j|²)
};

void raise(const at::Tensor& highest, int64_t begin, int64_t size, const at::Tensor& values) {
  const at::Tensor part = highest.narrow(0, begin, size);
  part.copy_(at::maximum(part, values));
}

// One half of the matrix of distances, block by block: it is symmetric.
Neighbours visit_pairs(const Rows& rows, int64_t block) {
  const int64_t n = rows.count();
  const at::Tensor& z = rows.z;
  // −2 |z_i − z_j|² = 4 z_i·z_j − 2 |z_i|² − 2 |z_j|² as one product.
  const at::Tensor squares = z.square().sum(1, /*keepdim=*/true) * -kUniformityScale, ones = at::ones_like(squares);
  const at::Tensor left = at::cat({z * (2 * kUniformityScale), squares, ones}, 1);
  const at::Tensor right = at::cat({z, ones, squares}, 1).t();

  Neighbours result{at::full({n}, -kInfinity, z.options()), at::full({n}, -kInfinity, z.options()),
                    at::zeros({}, z.options().dtype(at::kDouble))};
  const int64_t stripes = (n + block - 1) / block;
  const Ranks ranks = ranks_for(stripes * (stripes + 1) / 2);
  int64_t number = 0;
  for (int64_t i = 0; i < n; i += block) {
    const int64_t height = std::min(block, n - i);
    for (int64_t j = i; j < n; j += block) {
      if (!is_own(ranks, number++)) continue;
      const int64_t width = std::min(block, n - j);
      const bool diagonal = i == j;
      const auto raise_both = [&](const at::Tensor& highest, const at::Tensor& values) {
        raise(highest, i, height, values.amax(1));
        if (!diagonal) raise(highest, j, width, values.amax(0));
      };
      at::Tensor s = at::mm(left.narrow(0, i, height), right.narrow(1, j, width));
      if (diagonal) s.diagonal().fill_(-kInfinity);
      if (rows.may_share_class(i + height - 1, j)) {
        const at::Tensor same =
            rows.classes.narrow(0, i, height).unsqueeze(1).eq(rows.classes.narrow(0, j, width).unsqueeze(0));
        raise_both(result.negative, s.masked_fill(same, -kInfinity));
        raise_both(result.positive, s.masked_fill(same.logical_not(), -kInfinity));
      } else {
        raise_both(result.negative, s);
      }
      result.potential.add_(s.exp_().sum(), diagonal ? 1 : 2);
    }
  }
  join_maxima(ranks, result.positive);
  join_maxima(ranks, result.negative);
  join_sums(ranks, result.potential);
  return result;
}

}  // namespace

at::Tensor contrastive_metrics(const at::Tensor& features, const std::optional<at::Tensor>& labels, int64_t block) {
  check(features, labels, block);
  if (features.is_meta()) return at::empty({kMetrics}, features.options().dtype(at::kFloat));
  const c10::NoGradGuard no_grad;
  const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
  const Rows rows(features, labels);
  if (block == 0) block = default_block(rows.z);

  // Sums of similarities over classes are squares of sums of rows: no pair need be visited for them.
  const at::Tensor z = rows.z.to(at::kDouble);
  const at::Tensor class_sums = at::zeros_like(z).index_add_(0, rows.classes, z);  // there are as many classes at most
  const at::Tensor class_sizes = at::zeros_like(rows.classes).index_add_(0, rows.classes, at::ones_like(rows.classes));
  const at::Tensor positives = class_sizes.index_select(0, rows.classes) - 1;  // of each row
  const at::Tensor squares = z.square().sum(1);
  const at::Tensor within = class_sums.square().sum();  // Σ z_i·z_j over the pairs of one class, i = j among them
  const at::Tensor positive_sum = within - squares.sum(), negative_sum = z.sum(0).square().sum() - within;
  const at::Tensor positive_pairs = positives.sum();
  const int64_t n = rows.count();
  const at::Tensor pairs = at::full({}, static_cast<double>(n) * static_cast<double>(n - 1), z.options());

  const at::Tensor deviation = z.std(at::IntArrayRef{0}, /*correction=*/at::Scalar(0)).mean();
  const Neighbours nearest = visit_pairs(rows, block);
  const at::Tensor valid = positives.gt(0), valid_anchors = valid.sum();
  const at::Tensor hits = nearest.positive.gt(nearest.negative).logical_and(valid).sum();
  // |z_i − z_j|² = |z_i|² + |z_j|² − 2 z_i·z_j; a row of zeros is not of length one.
  const at::Tensor alignment = 2 * mean_over(((positives * squares).sum() - positive_sum).clamp_min(0), positive_pairs);

  std::vector<at::Tensor> metrics = {hits.to(at::kDouble) / valid_anchors,
                                     mean_over(positive_sum, positive_pairs),
                                     mean_over(negative_sum, pairs - positive_pairs),
                                     alignment,
                                     (nearest.potential / pairs).log(),
                                     deviation * std::sqrt(static_cast<double>(z.size(1))),
                                     valid_anchors.to(at::kDouble)};
  const at::Tensor result = at::stack(metrics).to(at::kFloat);
  if (rows.lowest_label.is_cpu()) return result;
  return result.masked_fill(rows.lowest_label.lt(0), std::numeric_limits<double>::quiet_NaN());
}

CONTRASTIVE_OP(contrastive_metrics,
               "contrastive_metrics(Tensor features, Tensor? labels=None, *, int block=0) -> Tensor");

}  // namespace contrastive::losses
