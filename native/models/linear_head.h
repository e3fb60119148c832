// The classifier on top of an encoder: one linear layer, as torchvision's `fc`.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "models/module.h"

namespace contrastive::models {

struct LinearHeadOptions {
  int64_t in_features = 0;
  int64_t out_features = 0;
  // 'zeros': all 0. 'normal': weights of deviation 0.01, bias 0 (google-research/simclr). 'uniform': PyTorch's
  // nn.Linear.
  std::string init = "zeros";
  uint64_t seed = 0;
};

// x: float (batch, in_features) -> (batch, out_features). Parameters: 'weight' (out, in) and 'bias' (out).
std::shared_ptr<Module> make_linear_head(const LinearHeadOptions& options);

}  // namespace contrastive::models
