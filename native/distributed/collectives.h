#pragma once

#include <ATen/core/Tensor.h>

#include "distributed/process_group.h"

namespace contrastive::distributed {

// The rows of all ranks, one rank behind the other, without a gradient: (size · n, …) of (n, …), on the tensor's
// device.
at::Tensor gathered(const at::Tensor& local);
// The same without a wait for the device, where NCCL carries them: what this thread launches from here on comes after
// it. See ProcessGroup::Pending::join().
at::Tensor gathered_in_order(const at::Tensor& local);

}  // namespace contrastive::distributed
