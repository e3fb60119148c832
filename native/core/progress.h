// How far a stream is, for whoever keeps something for each of its jobs: JavaScript keeps the stacks of their callers.
#pragma once

#include <atomic>
#include <cstdint>

namespace contrastive {

struct Progress {
  // The low 32 bits of the number of the last job that is done, and of the last one that failed. Jobs of a stream are
  // done in the order of their numbers; a failure is told before the end of its job is.
  std::atomic<int32_t> done{0}, failed{0};
};
// JavaScript's Atomics look at the same memory.
static_assert(sizeof(Progress) == 8 && std::atomic<int32_t>::is_always_lock_free);

}  // namespace contrastive
