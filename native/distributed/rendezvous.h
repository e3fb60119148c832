// How the processes of a training find each other.
#pragma once

#include <memory>

#include "distributed/rank_store.h"

namespace contrastive::distributed {

// The store, once every rank has come to it. Throws kDistributedError: who serves it cannot be reached, two processes
// have one rank, some do not come, or they were started otherwise; each names the ranks.
std::unique_ptr<RankStore> meet(const GroupOptions& options, const Check& check);

// A connection of its own to where the ranks of `store` have met, which does not keep the server alive.
c10::intrusive_ptr<c10d::Store> connect_again(const RankStore& store, const Check& check);

}  // namespace contrastive::distributed
