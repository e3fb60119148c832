// How the ranks that have met connect to each other.
#pragma once

#include <torch/csrc/distributed/c10d/Backend.hpp>

#include <exception>
#include <functional>
#include <string>

#include "distributed/rank_store.h"

namespace contrastive::distributed {

// Where this rank listens: the others reach it as it reaches where all meet, or one that is on another machine.
std::string own_address(const GroupOptions& options, RankStore& store);

// Within the timeout, which gloo's own attempts are not bound to; calls `look` meanwhile, which may throw. Throws
// kDistributedError, or kOptionError where this libtorch was built without gloo.
c10::intrusive_ptr<c10d::Backend> connect_by_gloo(const GroupOptions& options, const std::string& own,
                                                  const c10::intrusive_ptr<c10d::Store>& store,
                                                  const std::function<void()>& look);

// Likewise, between the ranks' `options.device`. Throws kOptionError where another NCCL is loaded than compiled for.
c10::intrusive_ptr<c10d::Backend> connect_by_nccl(const GroupOptions& options,
                                                  const c10::intrusive_ptr<c10d::Store>& store,
                                                  const std::function<void()>& look);

// What c10d says, without the line of its sources and its advice.
std::string reason_in(std::string text);
std::string reason_of(const std::exception_ptr& error);

}  // namespace contrastive::distributed
