#include "tensor/finite.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>

namespace contrastive::tensor {

double largest_norm(const std::vector<at::Tensor>& tensors) {
  const c10::NoGradGuard no_grad;
  return tensors.empty() ? 0 : at::stack(at::_foreach_norm(tensors, 2)).max().item<double>();
}

double total_norm(const std::vector<at::Tensor>& tensors) {
  const c10::NoGradGuard no_grad;
  if (tensors.empty()) return 0;
  const auto total = [](const std::vector<at::Tensor>& norms) {
    return at::stack(norms).cpu().to(at::kDouble).norm().item<double>();
  };
  const double norm = total(at::_foreach_norm(tensors, 2));
  if (std::isfinite(norm) || !all_finite(tensors, norm)) return norm;
  return total(at::_foreach_norm(tensors, 2, at::kDouble));  // finite numbers whose squares overflow
}

bool all_finite(const std::vector<at::Tensor>& tensors, double largest) {
  return std::isfinite(largest) || std::all_of(tensors.begin(), tensors.end(), [](const at::Tensor& tensor) {
           return at::isfinite(tensor).all().item<bool>();
         });
}

}  // namespace contrastive::tensor
