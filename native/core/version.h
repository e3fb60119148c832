// How often a tensor was changed in place, by which who made something of it knows whether that still holds.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace contrastive {

inline uint32_t version_of(const at::Tensor& tensor) {
  return tensor.unsafeGetTensorImpl()->version_counter().current_version();
}

}  // namespace contrastive
