#include "losses/positives.h"

#include <algorithm>
#include <utility>

#include "core/device_streams.h"
#include "core/host_copy.h"

namespace contrastive::losses {
namespace {

class Classes final : public Positives {
 public:
  Classes(const at::Tensor& classes, at::Device device, at::ScalarType dtype)
      : classes_(send(classes.to(dtype), device)) {
    // Of a device they are never known: a graph, which cannot know those of its next call, would visit other blocks
    // than its operations do, and give other last bits.
    if (!classes.is_cpu() || is_asynchronous(device)) return;
    const at::Tensor host = classes.contiguous();
    known_.assign(host.data_ptr<int64_t>(), host.data_ptr<int64_t>() + host.numel());
  }

  // Cuts lie between classes where that moves them by a quarter at most: fewer blocks then hold a positive.
  std::vector<Range> split(int64_t begin, int64_t end, int64_t size) const override {
    std::vector<Range> ranges = Positives::split(begin, end, size);
    if (known_.empty()) return ranges;
    for (size_t i = 1; i < ranges.size(); ++i) {
      int64_t cut = ranges[i].begin;
      const int64_t least = cut - size / 4;
      while (cut > least && known_[cut] == known_[cut - 1]) --cut;
      if (cut > least) ranges[i - 1].end = ranges[i].begin = cut;
    }
    return ranges;
  }

  at::Tensor classes() const override { return classes_.to(at::kLong); }

 protected:
  std::optional<at::Tensor> weights(Range rows, Range columns) const override {
    if (!known_.empty()) {
      const auto [row_low, row_high] = bounds(rows);
      const auto [column_low, column_high] = bounds(columns);
      if (row_high < column_low || column_high < row_low) return std::nullopt;
    }
    return at::sub(part(classes_, rows).unsqueeze(1), part(classes_, columns).unsqueeze(0)).eq_(0);
  }

 private:
  // The lowest and highest class of a range.
  std::pair<int64_t, int64_t> bounds(Range range) const {
    const auto [low, high] = std::minmax_element(known_.begin() + range.begin, known_.begin() + range.end);
    return {*low, *high};
  }

  at::Tensor classes_;          // in the losses' dtype: comparing those makes weights of that dtype, fast
  std::vector<int64_t> known_;  // the same on the host, for a CPU
};

class Mask final : public Positives {
 public:
  Mask(at::Tensor mask, int64_t rows, at::Tensor bank_samples)
      : mask_(std::move(mask)), rows_(rows), bank_samples_(std::move(bank_samples)) {}

  // A block is a slice of the mask, so its rows are of one view.
  std::vector<Range> split(int64_t begin, int64_t end, int64_t size) const override {
    if (begin >= rows_) return Positives::split(begin, end, size);
    std::vector<Range> ranges;
    for (int64_t at = begin; at < end;) {
      const int64_t view_end = std::min(end, (at / mask_.size(0) + 1) * mask_.size(0));
      for (const Range& range : Positives::split(at, view_end, size)) ranges.push_back(range);
      at = view_end;
    }
    return ranges;
  }

  bool symmetric() const override { return false; }

 protected:
  std::optional<at::Tensor> weights(Range rows, Range columns) const override {
    const int64_t batch = mask_.size(0);
    const at::Tensor of_rows = mask_.narrow(0, rows.begin % batch, rows.size());
    if (rows.begin == columns.begin) return of_rows.narrow(1, columns.begin % batch, columns.size()).clone();
    if (columns.begin < rows_) return of_rows.narrow(1, columns.begin % batch, columns.size());
    const at::Tensor samples = part(bank_samples_, {columns.begin - rows_, columns.end - rows_});
    return of_rows.index_select(1, samples.clamp_min(0)).mul_(samples.ge(0));
  }

 private:
  at::Tensor mask_;
  int64_t rows_;
  at::Tensor bank_samples_;
};

class LabelSets final : public Positives {
 public:
  LabelSets(at::Tensor sets, at::Tensor samples)
      : sets_(std::move(sets)), sizes_(sets_.sum(1)), samples_(std::move(samples)) {}

 protected:
  std::optional<at::Tensor> weights(Range rows, Range columns) const override {
    at::Tensor overlap = at::mm(part(sets_, rows), part(sets_, columns).t());
    const at::Tensor all = part(sizes_, rows).unsqueeze(1) + part(sizes_, columns).unsqueeze(0) - overlap;
    const at::Tensor same = part(samples_, rows).unsqueeze(1).eq(part(samples_, columns).unsqueeze(0));
    return overlap.div_(all.clamp_min(1)).masked_fill_(same, 1);
  }

 private:
  at::Tensor sets_, sizes_, samples_;
};

}  // namespace

std::optional<at::Tensor> Positives::block(Range rows, Range columns) const {
  std::optional<at::Tensor> block = weights(rows, columns);
  if (block && rows.begin == columns.begin) block->diagonal().zero_();
  return block;
}

std::vector<Range> Positives::split(int64_t begin, int64_t end, int64_t size) const {
  std::vector<Range> ranges;
  const int64_t pieces = (end - begin + size - 1) / size;
  ranges.reserve(pieces);
  for (int64_t i = 0; i < pieces; ++i)
    ranges.push_back({begin + (end - begin) * i / pieces, begin + (end - begin) * (i + 1) / pieces});
  return ranges;
}

std::shared_ptr<const Positives> positives_of_classes(const at::Tensor& classes, at::Device device,
                                                      at::ScalarType dtype) {
  return std::make_shared<Classes>(classes, device, dtype);
}

std::shared_ptr<const Positives> positives_of_mask(at::Tensor mask, int64_t rows, at::Tensor bank_samples) {
  return std::make_shared<Mask>(std::move(mask), rows, std::move(bank_samples));
}

std::shared_ptr<const Positives> positives_of_label_sets(at::Tensor sets, at::Tensor samples) {
  return std::make_shared<LabelSets>(std::move(sets), std::move(samples));
}

}  // namespace contrastive::losses
