// The least and the greatest of a tensor's values, which must be at least one: read from a device at once.
#pragma once

#include <ATen/ATen.h>

#include <utility>

namespace contrastive::tensor {

template <typename T>
std::pair<T, T> value_range(const at::Tensor& values) {
  const auto [low, high] = values.aminmax();
  const at::Tensor both = at::stack({low, high}).to(at::kCPU, c10::CppTypeToScalarType<T>::value);
  return {both.const_data_ptr<T>()[0], both.const_data_ptr<T>()[1]};
}

}  // namespace contrastive::tensor
