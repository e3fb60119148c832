// A tensor and the name by which a state dict, a checkpoint or an optimizer knows it.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>

namespace contrastive {

struct NamedTensor {
  std::string name;
  at::Tensor tensor;
};

}  // namespace contrastive
