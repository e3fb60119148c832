// The pairs (anchor, candidate) of a contrastive loss, visited block by block: s_ij = z_i·z_j / τ beside who is a
// positive.
#pragma once

#include <ATen/ATen.h>

#include <limits>
#include <memory>
#include <optional>
#include <vector>

#include "losses/positives.h"
#include "losses/shared_pairs.h"

namespace contrastive::losses {

// A cap on the positives of an anchor. Candidates stand on a circle in a random order; of its positives, an anchor
// keeps the `count` that come next behind it, which are as likely to be any as any others.
struct PositiveCap {
  int64_t count;
  at::Tensor places;  // int64 (candidates), a permutation: where each stands
  at::Tensor reach;   // int64 (anchors): how far behind it the last kept positive of each anchor stands
};

struct Pairs {
  std::shared_ptr<const Positives> positives;
  std::optional<PositiveCap> cap;
  int64_t rows;  // of the batch; the first `anchors` of them are anchors
  int64_t anchors;
  bool queries;        // the other rows are the anchors' keys, in their order: an anchor sees its own, and the bank
  at::Tensor bank;     // (bank, dim), the candidates behind the rows; undefined when there is none
  double temperature;  // τ > 0
  double bound;        // |s_ij| is at most this; infinity when it is not known
  int64_t block;       // candidates of a block
  Ranks ranks = {};    // who shares the blocks

  int64_t candidates() const { return rows + banked(); }
  // Candidates that one anchor is compared with.
  int64_t compared() const { return queries ? 1 + banked() : candidates() - 1; }
  // The keys of queries.
  Range keys_of(Range queries) const { return {queries.begin + anchors, queries.end + anchors}; }

 private:
  int64_t banked() const { return bank.defined() ? bank.size(0) : 0; }
};

// One rectangle of the similarity matrix.
struct Block {
  Range rows, columns;
  bool diagonal = false;  // rows and columns are the same anchors
  bool mirrored = false;  // columns are other anchors, so that (columns, rows) is not visited on its own
  bool keys = false;      // columns are the keys of the rows: pairs off the diagonal are none
};

// Overwrites, in a matrix of a block, what is no pair: a row with itself, a query with the key of another.
void hide(const Block& block, at::Tensor& x, double value);

// The part of a block in which its rows, or its columns, are the anchors. Tensors are (anchors, candidates).
struct Side {
  bool of_columns = false;
  Range anchors;
  std::optional<at::Tensor> positives;  // w_ij, after the cap; nothing: no positive
  std::optional<at::Tensor> related;    // w_ij, before it

  at::Tensor oriented(const at::Tensor& block) const { return of_columns ? block.t() : block; }
  // A value an anchor, to be spread over its candidates in the block's own orientation.
  at::Tensor spread(const at::Tensor& values) const {
    return values.narrow(0, anchors.begin, anchors.size()).unsqueeze(of_columns ? 0 : 1);
  }
};

// `asks`: whether positives are asked for; else no side has any.
std::vector<Side> sides_of(const Pairs& pairs, const Block& block, bool asks = true);

// Every pair once, a mirrored block standing for two; those with the bank come first.
std::vector<Block> blocks_of(const Pairs& pairs);
// Of these, the ones that this process visits.
std::vector<Block> own_blocks_of(const Pairs& pairs);

// Makes blocks of s in one buffer.
class Similarities {
 public:
  Similarities(const Pairs& pairs, const at::Tensor& z);
  // s of a block (rows, columns), overwritten by the next call.
  at::Tensor block(const Block& block);
  // The candidates of a range, (range, dim).
  at::Tensor candidates(Range range) const;

 private:
  const Pairs& pairs_;
  at::Tensor z_, buffer_;
};

struct PairCounts {
  at::Tensor totals;     // Σ_j w_ij after the cap (anchors)
  at::Tensor negatives;  // how many j ≠ i have w_ij = 0 before it (anchors)
};

// Of each anchor, in the dtype of `like`.
PairCounts count_pairs(const Pairs& pairs, const at::Tensor& like);

// Keeps `count` positives an anchor at most, a choice that the seed makes. order: int64 (candidates), the place that
// each candidate had before the caller put them in order, so that the choice does not depend on it. Needs rows · count
// memory.
PositiveCap cap_positives(const Pairs& pairs, int64_t count, int64_t seed, const at::Tensor& order);

}  // namespace contrastive::losses
