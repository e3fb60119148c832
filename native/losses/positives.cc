#include "losses/positives.h"

#include <algorithm>
#include <utility>

namespace contrastive::losses {

Positives Positives::of_classes(at::Tensor classes) {
  Positives positives;
  const at::Tensor host = classes.to(at::kCPU).contiguous();
  positives.known_classes_.assign(host.data_ptr<int64_t>(), host.data_ptr<int64_t>() + host.numel());
  positives.classes_ = std::move(classes);
  return positives;
}

Positives Positives::of_mask(at::Tensor mask) {
  Positives positives;
  positives.mask_ = std::move(mask);
  return positives;
}

std::vector<Range> Positives::split(int64_t begin, int64_t end, int64_t size) const {
  std::vector<Range> ranges;
  for (int64_t at = begin; at < end;) {
    // A block of a mask is a slice of it, so its rows are of one view.
    const int64_t run_end = mask_.defined() ? std::min(end, (at / mask_.size(0) + 1) * mask_.size(0)) : end;
    const int64_t pieces = (run_end - at + size - 1) / size;
    const int64_t length = (run_end - at + pieces - 1) / pieces;
    ranges.push_back({at, std::min(at + length, run_end)});
    at = ranges.back().end;
  }
  return ranges;
}

at::Tensor Positives::total(int64_t anchors, int64_t rows, const at::Tensor& like) const {
  if (mask_.defined()) {
    const int64_t batch = mask_.size(0);
    return (mask_.sum(1) * (rows / batch) - mask_.diagonal()).repeat({anchors / batch});
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
    const int64_t batch = mask_.size(0);
    weights = mask_.narrow(0, rows.begin % batch, rows.size()).narrow(1, columns.begin % batch, columns.size());
    if (rows.begin == columns.begin) weights = weights.clone();
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
