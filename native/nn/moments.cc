#include "nn/moments.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "core/error.h"
#include "distributed/collectives.h"

namespace contrastive::nn {
namespace {

at::Tensor as_tensor(std::vector<double>& values) {
  return at::from_blob(values.data(), {static_cast<int64_t>(values.size())}, at::kDouble);
}

}  // namespace

Moments over_all_ranks(const Moments& own) {
  const auto channels = static_cast<int64_t>(own.mean.size());
  std::vector<double> packed{own.count};
  packed.insert(packed.end(), own.mean.begin(), own.mean.end());
  packed.insert(packed.end(), own.squares.begin(), own.squares.end());
  const at::Tensor all = distributed::gathered(as_tensor(packed));
  const auto stride = static_cast<int64_t>(packed.size());
  const double* values = all.const_data_ptr<double>();

  Moments sum(channels, 0);
  for (int64_t rank = 0; rank < all.numel() / stride; ++rank, values += stride) {
    if (values[0] == 0) continue;  // a rank without rows
    const double n = sum.count + values[0], part = values[0] / n;
    for (int64_t c = 0; c < channels; ++c) {
      const double apart = values[1 + c] - sum.mean[c];
      sum.squares[c] += values[1 + channels + c] + apart * apart * sum.count * part;
      sum.mean[c] += apart * part;
    }
    sum.count = n;
  }
  CONTRASTIVE_CHECK(sum.count > 1, kShapeError,
                    "batch normalisation over all ranks needs more than one value per channel");
  return sum;
}

// Gathered: of so few numbers gloo's all-reduce takes twice the time of its all-gather.
std::vector<double> sum_over_all_ranks(std::vector<double> own) {
  const at::Tensor sum = distributed::gathered(as_tensor(own).unsqueeze(0)).sum(0);
  return {sum.const_data_ptr<double>(), sum.const_data_ptr<double>() + sum.numel()};
}

}  // namespace contrastive::nn
