// What all optimizers share: lists of parameters with their state, updated in place where there is a gradient.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <vector>

#include "optim/lists.h"

namespace contrastive::optim {

// No update overflows float32 while norms are within kLargestNorm, and rates and other factors within kLargestFactor.
constexpr double kLargestNorm = 1e12, kLargestFactor = 100;

bool are_bounded(const std::vector<double>& factors, double scale = 1);

struct Update {
  const Tensors& parameters;                 // leaf tensors
  std::vector<Tensors> slots;                // the state: for each slot a tensor a parameter, of its shape or a scalar
  const at::Tensor& learning_rate;           // ()
  const std::vector<int64_t>& groups;        // of each parameter, its group
  const std::vector<double>& rate_factors;   // of each group, what the learning rate is multiplied by
  const std::vector<double>& weight_decays;  // of each group
  // With a status the update is guarded: done if parameters and state stay finite, else nothing is changed but the
  // status. clip_gradients_ stands before it.
  const OptionalTensor& status;  // int64 ()
  // With it: what clip_gradients_ wrote, and the largest norm of what the last guarded update left behind, infinite
  // where nobody knows. They tell when an overflow is possible at all; only then is a copy made first.
  const OptionalTensor& gradient_norm;  // float64 ()
  const OptionalTensor& largest;        // float64 ()
  bool bounded;                         // whether the rule's own factors are within kLargestFactor
};

// The parameters of a group that have a gradient at this step, with it and their slots, ready for ATen's list
// operations.
struct Lists {
  Tensors parameters, gradients;
  std::vector<Tensors> slots;  // by slot, then as parameters
  size_t group;
  double learning_rate, weight_decay;  // the group's
};

// Updates `lists` in place.
using Rule = std::function<void(const Lists& lists)>;

// One update by `rule` of every parameter that has a gradient; the others are left alone. Returns the status, a new one
// where none was given.
at::Tensor update(const Update& request, const Rule& rule);

}  // namespace contrastive::optim
