#include "nn/activation.h"

#include <ATen/ATen.h>

#include "core/error.h"

namespace contrastive::nn {

Activation activation_of(const std::string& name) {
  if (name == "none") return Activation::kNone;
  if (name == "relu") return Activation::kRelu;
  if (name == "hardswish") return Activation::kHardswish;
  CONTRASTIVE_CHECK(name == "silu", kOptionError,
                    "activation must be one of 'none', 'relu', 'hardswish', 'silu', got '", name, "'");
  return Activation::kSilu;
}

at::Tensor activated(const at::Tensor& y, Activation act) {
  switch (act) {
    case Activation::kRelu:
      return y.relu_();
    case Activation::kHardswish:
      return at::hardswish(y);
    case Activation::kSilu:
      return at::silu(y);
    default:
      return y;
  }
}

}  // namespace contrastive::nn
