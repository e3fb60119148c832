// Residual networks, without the classifier: images in, globally averaged features out.
// Source: He et al. 2016, arXiv:1512.03385, in torchvision's form (the stride sits in the 3x3 of a bottleneck) and with
// torchvision's parameter names. The 'cifar' stem is SupContrast's and SimCLR's (appendix B.9): 3x3, stride 1, no pool.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "models/module.h"

namespace contrastive::models {

struct ResNetOptions {
  int64_t depth = 18;  // 18, 34, 50, 101 or 152
  std::string stem = "imagenet";
  int64_t width = 64;  // channels of the first stage; each of the three later stages doubles them
  int64_t in_channels = 3;
  bool zero_init_residual = false;  // the last normalisation of each block starts at 0 (Goyal et al. 2017)
  uint64_t seed = 0;
};

// x: float (batch, in_channels, height, width) -> (batch, features), features = width * 8 (18, 34) or width * 32.
std::shared_ptr<Module> make_resnet(const ResNetOptions& options);

}  // namespace contrastive::models
