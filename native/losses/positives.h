// Who is a positive of whom: equal classes, or a weight for each pair of samples. Read in blocks, so that no
// (rows, rows) tensor lives beyond a mask that the caller gave.
#pragma once

#include <ATen/ATen.h>

#include <optional>
#include <utility>
#include <vector>

namespace contrastive::losses {

// Rows [begin, end).
struct Range {
  int64_t begin, end;
  int64_t size() const { return end - begin; }
};

class Positives {
 public:
  // Rows of equal class, int64 (rows), are positives of each other with weight 1. Rows in order of class let most
  // blocks be known to hold no positive without being made.
  static Positives of_classes(at::Tensor classes);
  // Row i has row j as a positive with weight mask[i % batch][j % batch], mask (batch, batch) of the losses' dtype.
  static Positives of_mask(at::Tensor mask);

  // Ranges of at most `size` that cover [begin, end), each of which `block` can read.
  std::vector<Range> split(int64_t begin, int64_t end, int64_t size) const;

  // Σ_{j≠i} w_ij for the first `anchors` of `rows` rows: (anchors), of the dtype of `like`.
  at::Tensor total(int64_t anchors, int64_t rows, const at::Tensor& like) const;

  // w_ij for i in rows, j in columns, (rows, columns) of the dtype of `like`, zero where i = j, to be read only;
  // nothing when the block has no positive. Two ranges are the same or have no row in common.
  std::optional<at::Tensor> block(Range rows, Range columns, const at::Tensor& like) const;

  // w_ij = w_ji, so block(J, I) is block(I, J) transposed.
  bool symmetric() const { return !mask_.defined(); }

 private:
  // The lowest and highest class of a range.
  std::pair<int64_t, int64_t> bounds(Range range) const;

  at::Tensor classes_;                  // int64 (rows), or
  std::vector<int64_t> known_classes_;  // the same on the host
  at::Tensor mask_;                     // (batch, batch)
};

}  // namespace contrastive::losses
