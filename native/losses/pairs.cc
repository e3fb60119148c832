#include "losses/pairs.h"

#include <ATen/CPUGeneratorImpl.h>

#include <algorithm>
#include <utility>

#include "core/host_copy.h"
#include "losses/class_sums.h"

namespace contrastive::losses {
namespace {

// How far behind each row each column stands on the circle, int64 (rows, columns).
at::Tensor distances(const at::Tensor& places, Range rows, Range columns) {
  return (part(places, columns).unsqueeze(0) - part(places, rows).unsqueeze(1)).remainder_(places.size(0));
}

Side side_of(const Pairs& pairs, Range anchors, Range candidates, bool of_columns,
             std::optional<at::Tensor> positives) {
  Side side{of_columns, anchors, positives, positives};
  if (pairs.cap && positives)
    side.positives =
        *positives * distances(pairs.cap->places, anchors, candidates).le(part(pairs.cap->reach, anchors).unsqueeze(1));
  return side;
}

// What the anchors of a range are compared with, in ranges.
std::vector<Range> split_candidates(const Pairs& pairs, Range anchors) {
  const Positives& positives = *pairs.positives;
  std::vector<Range> ranges;
  if (pairs.queries) {
    ranges.push_back(pairs.keys_of(anchors));
  } else {
    ranges = positives.split(0, pairs.anchors, pairs.block);
    for (const Range& range : positives.split(pairs.anchors, pairs.rows, pairs.block)) ranges.push_back(range);
  }
  for (const Range& range : positives.split(pairs.rows, pairs.candidates(), pairs.block)) ranges.push_back(range);
  return ranges;
}

// w of a block, or nothing where it holds no positive.
std::optional<at::Tensor> positives_of(const Pairs& pairs, Range rows, Range columns) {
  auto positives = pairs.positives->block(rows, columns);
  const bool keys = pairs.queries && columns.begin < pairs.rows;
  if (keys && positives) positives = positives->diagonal().diag_embed();
  return positives;
}

}  // namespace

void hide(const Block& block, at::Tensor& x, double value) {
  if (block.diagonal) x.diagonal().fill_(value);
  if (block.keys) x.masked_fill_(at::eye(x.size(0), x.options().dtype(at::kBool)).logical_not_(), value);
}

std::vector<Side> sides_of(const Pairs& pairs, const Block& block, bool asks) {
  if (!asks) {
    std::vector<Side> sides{{false, block.rows, {}, {}}};
    if (block.mirrored) sides.push_back({true, block.columns, {}, {}});
    return sides;
  }
  std::vector<Side> sides;
  const auto positives = positives_of(pairs, block.rows, block.columns);
  sides.push_back(side_of(pairs, block.rows, block.columns, false, positives));
  if (!block.mirrored) return sides;
  auto mirrored = positives;
  if (!pairs.positives->symmetric())
    mirrored = pairs.positives->block(block.columns, block.rows);
  else if (mirrored)
    mirrored = mirrored->t();
  sides.push_back(side_of(pairs, block.columns, block.rows, true, std::move(mirrored)));
  return sides;
}

std::vector<Block> blocks_of(const Pairs& pairs) {
  const Positives& positives = *pairs.positives;
  const std::vector<Range> anchors = positives.split(0, pairs.anchors, pairs.block);
  std::vector<Block> blocks;
  for (const Range& columns : positives.split(pairs.rows, pairs.candidates(), pairs.block))
    for (const Range& rows : anchors) blocks.push_back({rows, columns, false, false});
  if (pairs.queries) {
    for (const Range& rows : anchors) blocks.push_back({rows, pairs.keys_of(rows), false, false, true});
    return blocks;
  }
  const std::vector<Range> others = positives.split(pairs.anchors, pairs.rows, pairs.block);
  for (size_t i = 0; i < anchors.size(); ++i) {
    for (size_t j = i; j < anchors.size(); ++j) blocks.push_back({anchors[i], anchors[j], j == i, j != i});
    for (const Range& columns : others) blocks.push_back({anchors[i], columns, false, false});
  }
  return blocks;
}

std::vector<Block> own_blocks_of(const Pairs& pairs) {
  std::vector<Block> own;
  int64_t number = 0;
  for (const Block& block : blocks_of(pairs))
    if (is_own(pairs.ranks, number++)) own.push_back(block);
  return own;
}

Similarities::Similarities(const Pairs& pairs, const at::Tensor& z) : pairs_(pairs), z_(z) {
  int64_t largest = 0;
  for (const Block& block : blocks_of(pairs)) largest = std::max(largest, block.rows.size() * block.columns.size());
  buffer_ = at::empty({largest}, z.options());
}

at::Tensor Similarities::block(const Block& block) {
  at::Tensor s =
      buffer_.narrow(0, 0, block.rows.size() * block.columns.size()).view({block.rows.size(), block.columns.size()});
  return s.addmm_(part(z_, block.rows), candidates(block.columns).t(), /*beta=*/0, /*alpha=*/1 / pairs_.temperature);
}

at::Tensor Similarities::candidates(Range range) const {
  if (range.begin < pairs_.rows) return part(z_, range);
  return part(pairs_.bank, {range.begin - pairs_.rows, range.end - pairs_.rows});
}

PairCounts count_pairs(const Pairs& pairs, const at::Tensor& like) {
  if (has_class_sums(pairs)) {
    const at::Tensor totals = positives_by_class(pairs, like);
    return {totals, pairs.compared() - totals};
  }
  at::Tensor totals = at::zeros({pairs.anchors}, like.options());
  at::Tensor negatives = at::full({pairs.anchors}, pairs.compared(), like.options());
  for (const Block& block : blocks_of(pairs))
    for (const Side& side : sides_of(pairs, block)) {
      if (!side.positives) continue;
      part(totals, side.anchors).add_(side.positives->sum(1));
      part(negatives, side.anchors).sub_(side.related->gt(0).sum(1));
    }
  return {totals, negatives};
}

PositiveCap cap_positives(const Pairs& pairs, int64_t count, int64_t seed, const at::Tensor& order) {
  const int64_t candidates = pairs.candidates(), kept = std::min(count, candidates);
  at::Generator generator = at::detail::createCPUGenerator(static_cast<uint64_t>(seed));
  const at::Tensor places = send(at::randperm(candidates, generator, at::kLong), order.device()).index_select(0, order);
  at::Tensor reach = at::empty({pairs.anchors}, places.options());
  for (const Range& rows : pairs.positives->split(0, pairs.anchors, pairs.block)) {
    at::Tensor nearest = at::full({rows.size(), kept}, candidates, places.options());
    for (const Range& columns : split_candidates(pairs, rows)) {
      const auto positives = positives_of(pairs, rows, columns);
      if (!positives) continue;
      const at::Tensor near = distances(places, rows, columns).masked_fill_(positives->eq(0), candidates);
      nearest = std::get<0>(at::cat({nearest, near}, 1).topk(kept, /*dim=*/1, /*largest=*/false, /*sorted=*/false));
    }
    part(reach, rows).copy_(nearest.amax(1));
  }
  return {count, places, reach};
}

}  // namespace contrastive::losses
