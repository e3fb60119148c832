// Who is a positive of whom, and with what weight. Read in blocks, so that nothing of (rows, rows) lives beyond a mask
// that the caller gave. Candidates are the rows of the batch and, behind them, those of a bank.
#pragma once

#include <ATen/ATen.h>

#include <memory>
#include <optional>
#include <vector>

namespace contrastive::losses {

// Candidates [begin, end).
struct Range {
  int64_t begin = 0, end = 0;
  int64_t size() const { return end - begin; }
};

// The rows of a range.
inline at::Tensor part(const at::Tensor& x, Range range) { return x.narrow(0, range.begin, range.size()); }

class Positives {
 public:
  virtual ~Positives() = default;

  // w_ij ≥ 0 for i in rows, j in columns, (rows, columns) in the losses' dtype, zero where i = j; nothing when the
  // block has no positive. Two ranges are the same or have no candidate in common. The caller must not write into it.
  std::optional<at::Tensor> block(Range rows, Range columns) const;

  // Ranges of about `size`, 5/4 of it at most, that cover [begin, end), each of which `block` can read.
  virtual std::vector<Range> split(int64_t begin, int64_t end, int64_t size) const;

  // Where w_ij is whether candidates are of one class: the classes, int64 (candidates), −1 for a candidate of the bank
  // that is of no row's. Else undefined.
  virtual at::Tensor classes() const { return {}; }

  // w_ij = w_ji, so that block(J, I) is block(I, J) transposed.
  virtual bool symmetric() const { return true; }

 protected:
  // As block(), but whatever it is where i = j. A block with a diagonal is the caller's to write into.
  virtual std::optional<at::Tensor> weights(Range rows, Range columns) const = 0;
};

// Candidates of equal class are positives of each other with weight 1. classes: int64 (candidates), below 2^24 so that
// float32 tells them apart; candidates in order of class let most blocks be known to hold no positive without being
// made.
std::shared_ptr<const Positives> positives_of_classes(const at::Tensor& classes, at::Device device,
                                                      at::ScalarType dtype);

// Row i of the batch, a view of sample i % batch, has row j as a positive with weight mask[i % batch][j % batch]. A
// candidate of the bank is one more view of the sample that bank_samples (bank) names; where that is −1, its weight is
// 0.
std::shared_ptr<const Positives> positives_of_mask(at::Tensor mask, int64_t rows, at::Tensor bank_samples);

// Weight |y_i ∩ y_j| / |y_i ∪ y_j| of label sets, 1 between views of a sample. sets: 0 or 1, (candidates, classes), of
// the losses' dtype. samples: int64 (candidates), the sample that each shows; −1 for one that no row of the batch
// shows.
std::shared_ptr<const Positives> positives_of_label_sets(at::Tensor sets, at::Tensor samples);

}  // namespace contrastive::losses
