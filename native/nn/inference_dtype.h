// In which precision inference computes.
#pragma once

#include <ATen/autocast_mode.h>
#include <ATen/core/Tensor.h>

namespace contrastive::nn {

// That of the input, or the lower one of autocast where it is on.
inline at::ScalarType inference_dtype(const at::Tensor& input) {
  const at::DeviceType device = input.device().type();
  const bool is_cast = at::autocast::is_autocast_enabled(device) && input.scalar_type() != at::kDouble;
  return is_cast ? at::autocast::get_autocast_dtype(device) : input.scalar_type();
}

}  // namespace contrastive::nn
