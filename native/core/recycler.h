// Keeps the memory of large CPU tensors for the next ones: fresh memory costs a page fault every 4 KiB, which was a
// tenth of a training step's time. Blocks are cut from the smallest free range that is large enough, and joined again
// when they are free, so that a training holds hardly more than its tensors take at their peak; where sizes change from
// pass to pass, as those of a server's batches do, up to half as much again.
#pragma once

#include <cstddef>

namespace contrastive {

// Puts the recycler before libtorch's allocator of CPU memory, once a process. Linux only; elsewhere, and under
// AddressSanitizer, which must see every free, it does nothing; nor does it where the system has no thread for it.
void install_recycler();

// Bytes that wait for the next tensor. They go back to the system when none has come for some seconds, but for what is
// beside memory that is in use again and again, up to as much as that.
size_t recyclable_bytes();

// Gives them back at once: memory is short elsewhere.
void give_back_recyclable();

}  // namespace contrastive
