// The head between an encoder's features and the contrastive loss; dropped after pre-training.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "models/module.h"

namespace contrastive::models {

// kind: 'linear'  Linear(in, out)
//       'mlp'     Linear(in, hidden) - ReLU - Linear(hidden, out): SimCLR (arXiv:2002.05709) and SupContrast
//       'mlp-bn'  three linear layers without bias, each followed by batch normalisation, ReLU between them: SimCLR v2
//                 (arXiv:2006.10029); the last normalisation has a bias (google-research/simclr leaves it out)
// Parameter names are those of the same layers in an nn.Sequential.
struct ProjectionHeadOptions {
  std::string kind = "mlp";
  int64_t in_features = 0;
  int64_t hidden_features = 0;  // 0: in_features
  int64_t out_features = 128;
  bool normalize = false;  // L2-normalise the output; the losses do it too unless told not to
  uint64_t seed = 0;
};

// x: float (batch, in_features) -> (batch, out_features).
std::shared_ptr<Module> make_projection_head(const ProjectionHeadOptions& options);

}  // namespace contrastive::models
