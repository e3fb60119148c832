#include "losses/shared_pairs.h"

#include "core/infinity.h"
#include "core/modes.h"

namespace contrastive::losses {
namespace {

using Reduction = distributed::ProcessGroup::Reduction;

void join(const Ranks& ranks, const at::Tensor& partial, Reduction reduction) {
  if (!ranks) return;
  const at::Tensor sent = ranks->sendable(partial);
  ranks->all_reduce(sent, reduction).wait();
  if (!sent.is_alias_of(partial)) partial.copy_(sent);
}

}  // namespace

Ranks ranks_for(int64_t blocks) {
  if (!is_same_in_all_ranks()) return nullptr;
  Ranks ranks = distributed::group();
  return blocks >= ranks->size() ? ranks : nullptr;
}

bool is_own(const Ranks& ranks, int64_t block) { return !ranks || block % ranks->size() == ranks->rank(); }

void join_sums(const Ranks& ranks, const at::Tensor& partial) { join(ranks, partial, Reduction::kSum); }

void join_maxima(const Ranks& ranks, const at::Tensor& partial) { join(ranks, partial, Reduction::kMax); }

void join_log_sums(const Ranks& ranks, const at::Tensor& partial) {
  if (!ranks) return;
  const at::Tensor largest = partial.clone();
  join_maxima(ranks, largest);
  const at::Tensor about = largest.masked_fill(largest.eq(-kInfinity), 0);
  const at::Tensor sum = (partial - about).exp_();
  join_sums(ranks, sum);
  partial.copy_(sum.log_().add_(about));
}

}  // namespace contrastive::losses
