#include "losses/positives.h"

#include <algorithm>

namespace contrastive::losses {

Positives Positives::of_classes(at::Tensor classes) {
  Positives positives;
  const at::Tensor host = classes.to(at::kCPU).contiguous();
  positives.known_classes_.assign(host.data_ptr<int64_t>(), host.data_ptr<int64_t>() + host.numel());
  positives.classes_ = std::move(classes);
  return positives;
}

Positives Positives::of_mask(at::Tensor mask, at::Tensor samples) {
  Positives positives;
  positives.mask_ = std::move(mask);
  positives.samples_ = std::move(samples);
  return positives;
}

at::Tensor Positives::total(int64_t anchors, const at::Tensor& like) const {
  if (mask_.defined()) {
    const at::Tensor batch = at::arange(mask_.size(0), samples_.options());
    const at::Tensor rows_of_sample = samples_.unsqueeze(0).eq(batch.unsqueeze(1)).sum(1).to(mask_.scalar_type());
    const at::Tensor of_sample = at::mv(mask_, rows_of_sample) - mask_.diagonal();
    return of_sample.index_select(0, samples_.narrow(0, 0, anchors)).to(like.scalar_type());
  }
  const at::Tensor sorted = std::get<0>(classes_.sort());
  const at::Tensor wanted = classes_.narrow(0, 0, anchors);
  const at::Tensor count =
      at::searchsorted(sorted, wanted, /*out_int32=*/false, /*right=*/true) - at::searchsorted(sorted, wanted);
  return (count - 1).to(like.scalar_type());
}

std::pair<int64_t, int64_t> Positives::bounds(Range range) const {
  const auto [low, high] =
      std::minmax_element(known_classes_.begin() + range.begin, known_classes_.begin() + range.end);
  return {*low, *high};
}

std::optional<at::Tensor> Positives::block(Range rows, Range columns, const at::Tensor& like) const {
  at::Tensor weights;
  if (mask_.defined()) {
    weights = mask_.index_select(0, samples_.narrow(0, rows.begin, rows.size()))
                  .index_select(1, samples_.narrow(0, columns.begin, columns.size()));
  } else {
    const auto [row_low, row_high] = bounds(rows);
    const auto [column_low, column_high] = bounds(columns);
    if (row_high < column_low || column_high < row_low) return std::nullopt;
    weights = classes_.narrow(0, rows.begin, rows.size())
                  .unsqueeze(1)
                  .eq(classes_.narrow(0, columns.begin, columns.size()).unsqueeze(0))
                  .to(like.scalar_type());
  }
  if (rows.begin == columns.begin) weights.diagonal().zero_();
  return weights;
}

}  // namespace contrastive::losses
