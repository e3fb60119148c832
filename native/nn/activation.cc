#include "nn/activation.h"

#include <ATen/ATen.h>

#include "core/choice.h"

namespace contrastive::nn {

Activation activation_of(const std::string& name) {
  return choice_of<Activation>("activation", name, {"none", "relu", "hardswish", "silu"});
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
