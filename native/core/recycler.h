// Keeps the memory of large CPU tensors for the next ones of their size. A training step allocates the same sizes again
// and again; fresh memory for them costs a page fault every 4 KiB, which was a tenth of the step's time.
#pragma once

#include <cstddef>

namespace contrastive {

// Puts the recycler before libtorch's allocator of CPU memory, once a process. Linux only; elsewhere, and under
// AddressSanitizer, which must see every free, it does nothing; nor does it where the system has no thread for it.
void install_recycler();

// Bytes that wait for the next tensor of their size; they go back to the system when none has come for some seconds.
size_t recyclable_bytes();

}  // namespace contrastive
