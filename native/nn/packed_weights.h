// Weights as inference uses them: folded and laid out once, and again when what they were made of has changed.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <string>
#include <vector>

namespace contrastive::nn {

struct Folded {
  at::Tensor weight, bias;
};

// What `make` made of `sources` for `use`, as long as none of them has changed. It is kept while the first of them
// lives, for a few uses each (sizes of an input); any thread. Throws kNonFiniteError of sources that are not finite:
// the ReLU of oneDNN's kernels makes 0 of NaN, so that the features of a broken network would look sound.
Folded folded_weights(const std::vector<at::Tensor>& sources, const std::string& use,
                      const std::function<Folded()>& make);

}  // namespace contrastive::nn
