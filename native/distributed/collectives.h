#pragma once

#include <ATen/core/Tensor.h>

#include "distributed/process_group.h"

namespace contrastive::distributed {

// The rows of all ranks, one rank behind the other, without a gradient: (size · n, …) of (n, …), on the tensor's
// device.
at::Tensor gathered(const at::Tensor& local);

}  // namespace contrastive::distributed
