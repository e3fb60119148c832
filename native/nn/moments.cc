#include "nn/moments.h"

#include <ATen/ATen.h>

#include <limits>

#include "core/error.h"
#include "distributed/collectives.h"

namespace contrastive::nn {
namespace {

// (ranks, n) of numbers (n).
at::Tensor of_all_ranks(const at::Tensor& own) { return distributed::gathered_in_order(own.unsqueeze(0)); }

}  // namespace

// What the ranks' means are apart goes into the squares: Chan, Golub & LeVeque 1983, eq. 2.1, for many parts at once.
Moments over_all_ranks(const Moments& own) {
  const int64_t channels = own.channels();
  const at::Tensor all = of_all_ranks(own.values);
  const at::Tensor counts = all.narrow(1, 0, 1);
  const at::Tensor known = all.masked_fill(counts.eq(0), 0);  // a rank without values has no mean
  const at::Tensor means = known.narrow(1, 1, channels), squares = known.narrow(1, 1 + channels, channels);
  const at::Tensor count = counts.sum(0);
  CONTRASTIVE_CHECK(!count.is_cpu() || count.item<double>() > 1, kShapeError,
                    "batch normalisation over all ranks needs more than one value per channel");
  // That of a device is not read: a step with one value a channel is refused, since its loss is no number.
  const at::Tensor enough = count.masked_fill(count.le(1), std::numeric_limits<double>::quiet_NaN());
  const at::Tensor mean = (counts * means).sum(0) / enough;
  return {at::cat({enough, mean, (squares + counts * (means - mean).square()).sum(0)})};
}

// Gathered: of so few numbers gloo's all-reduce takes twice the time of its all-gather.
at::Tensor sum_over_all_ranks(const at::Tensor& own) { return of_all_ranks(own).sum(0); }

}  // namespace contrastive::nn
