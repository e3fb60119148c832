#include "tensor/finite.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace contrastive::tensor {

namespace {

// float64 (tensors). Those of several dtypes are converted one by one.
at::Tensor norms_of(const std::vector<at::Tensor>& tensors, const at::Scalar& order) {
  std::vector<at::Tensor> norms = at::_foreach_norm(tensors, order);
  const bool is_mixed = std::any_of(norms.begin(), norms.end(), [&](const at::Tensor& norm) {
    return norm.scalar_type() != norms.front().scalar_type();
  });
  if (is_mixed)
    for (at::Tensor& norm : norms) norm = norm.to(at::kDouble);
  return at::stack(norms).to(at::kDouble);
}

}  // namespace

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

at::Tensor largest_norm_of(const std::vector<at::Tensor>& tensors) {
  const c10::NoGradGuard no_grad;
  return norms_of(tensors, 2).max();
}

at::Tensor total_norm_of(const std::vector<at::Tensor>& tensors) {
  const c10::NoGradGuard no_grad;
  return norms_of(tensors, 2).norm();
}

at::Tensor are_finite(const std::vector<at::Tensor>& tensors) {
  const c10::NoGradGuard no_grad;
  std::vector<at::Tensor> filled;  // an empty one has no largest number
  for (const at::Tensor& tensor : tensors)
    if (tensor.numel() > 0) filled.push_back(tensor);
  if (filled.empty()) return at::ones({}, tensors.front().options().dtype(at::kBool));
  return norms_of(filled, std::numeric_limits<double>::infinity()).isfinite().all();
}

}  // namespace contrastive::tensor
