// Where every rank has the features of all, each visits a part of the blocks of pairs, and what they find is joined.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <memory>

#include "distributed/process_group.h"

namespace contrastive::losses {

using Ranks = std::shared_ptr<distributed::ProcessGroup>;  // null: this process visits all

// The group, where this job is the same in all ranks (Modes) and there are blocks for each of them.
Ranks ranks_for(int64_t blocks);

// Whether a block is this rank's.
bool is_own(const Ranks& ranks, int64_t block);

// In place, of partial results of any floating dtype; nothing without ranks.
void join_sums(const Ranks& ranks, const at::Tensor& partial);
void join_maxima(const Ranks& ranks, const at::Tensor& partial);
// log Σ exp over the ranks; −∞ is a sum of nothing.
void join_log_sums(const Ranks& ranks, const at::Tensor& partial);

}  // namespace contrastive::losses
