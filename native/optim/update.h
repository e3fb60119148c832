// What all optimizers share: lists of parameters with their state, updated in place where there is a gradient.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <vector>

#include "optim/lists.h"

namespace contrastive::optim {

// No update overflows float32 while norms are within kLargestNorm, and rates and other factors within kLargestFactor.
constexpr double kLargestNorm = 1e12, kLargestFactor = 100;

struct Update {
  const Tensors& parameters;        // leaf tensors
  std::vector<Tensors> slots;       // the state: for each slot a tensor a parameter, of its shape or a scalar
  const at::Tensor& learning_rate;  // ()
  // With a status the update is guarded: done if every gradient is finite and parameters and state stay so, else
  // nothing is changed but the status.
  const OptionalTensor& status;  // int64 ()
  // With it: the largest norm of what the last guarded update left behind, infinite where nobody knows. Tells when an
  // overflow is possible at all; only then is a copy made first.
  const OptionalTensor& largest;  // float64 ()
  bool bounded;                   // whether the rule's own factors are within kLargestFactor
};

// The parameters that have a gradient at this step, with it and their slots, ready for ATen's list operations.
struct Lists {
  Tensors parameters, gradients;
  std::vector<Tensors> slots;  // by slot, then as parameters
};

// Updates `lists` in place: all of them weights (two dimensions and more), or all biases and normalisation scales.
using Rule = std::function<void(const Lists& lists, bool weights, double learning_rate)>;

// One update by `rule` of every parameter that has a gradient; the others are left alone. Returns the status, a new one
// where none was given.
at::Tensor update(const Update& request, const Rule& rule);

}  // namespace contrastive::optim
