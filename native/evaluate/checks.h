#pragma once

#include <ATen/ATen.h>

#include "core/error.h"
#include "tensor/value_range.h"

namespace contrastive::evaluate {

// features: floating (rows, dim), not empty; finite, for NaN has no neighbours.
inline void check_features(const char* name, const at::Tensor& features) {
  CONTRASTIVE_CHECK(features.dim() == 2 && features.numel() > 0, kShapeError, name,
                    " must have shape (rows, dim) and hold at least one value, got ", features.sizes());
  CONTRASTIVE_CHECK(at::isFloatingType(features.scalar_type()), kDTypeError, name, " must be floating, got ",
                    features.scalar_type());
  CONTRASTIVE_CHECK(features.is_meta() || features.isfinite().all().item<bool>(), kDataError, name,
                    " must be finite, got NaN or infinity");
}

// Two sets of features, each checked, that are compared with each other.
inline void check_pair(const char* name, const at::Tensor& features, const char* other_name, const at::Tensor& other) {
  CONTRASTIVE_CHECK(other.dim() == 2 && features.size(1) == other.size(1), kShapeError, other_name,
                    " must have the dim of ", name, ", ", features.size(1), ", got ", other.sizes());
  CONTRASTIVE_CHECK(features.device() == other.device(), kDeviceError, other_name, " is on ", other.device(), ", ",
                    name, " on ", features.device());
}

// labels: integer (rows), each in [0, classes); as int64.
inline at::Tensor checked_labels(const char* name, const at::Tensor& labels, const at::Tensor& features,
                                 int64_t classes) {
  CONTRASTIVE_CHECK(labels.dim() == 1 && labels.size(0) == features.size(0), kShapeError, name,
                    " must have shape (rows) = [", features.size(0), "], got ", labels.sizes());
  CONTRASTIVE_CHECK(at::isIntegralType(labels.scalar_type(), /*includeBool=*/true), kDTypeError, name,
                    " must be integers, got ", labels.scalar_type());
  CONTRASTIVE_CHECK(labels.device() == features.device(), kDeviceError, name, " are on ", labels.device(),
                    ", features on ", features.device());
  CONTRASTIVE_CHECK(classes >= 1, kOptionError, "classes must be >= 1, got ", classes);
  at::Tensor indices = labels.to(at::kLong);
  if (!indices.is_meta()) {
    const auto [low, high] = tensor::value_range<int64_t>(indices);
    CONTRASTIVE_CHECK(low >= 0 && high < classes, kDataError, name, " must be in [0, ", classes, "), got values from ",
                      low, " to ", high);
  }
  return indices;
}

}  // namespace contrastive::evaluate
