// What all optimizers share: lists of parameters with their state, updated in place where there is a gradient.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "core/op.h"
#include "optim/lists.h"

namespace contrastive::optim {

// No update overflows float32 while norms are within kLargestNorm, and rates and other factors within kLargestFactor.
constexpr double kLargestNorm = 1e12, kLargestFactor = 100;

bool are_bounded(const std::vector<double>& factors, double scale = 1);

// What all optimizers are given.
struct Update {
  const Tensors& parameters;                // leaf tensors
  const Tensors& state;                     // slot by slot, a tensor a parameter, of its shape or a scalar
  const at::Tensor& learning_rate;          // ()
  const std::vector<int64_t>& groups;       // of each parameter, its group
  const std::vector<double>& rate_factors;  // of each group, what the learning rate is multiplied by
  const Tensors& weight_decays;             // of each group, ()
  // With a status the update is guarded: done if parameters and state stay finite, else nothing is changed but the
  // status. clip_gradients_ stands before it.
  const OptionalTensor& status;  // int64 ()
  // With it: what clip_gradients_ wrote, and the largest norm of what the last guarded update left
  // behind, infinite where nobody knows. They tell when an overflow is possible at all; only then is a copy made first.
  // On a device, where they are not read, what is beyond kLargestNorm is refused instead.
  const OptionalTensor& gradient_norm;  // float64 ()
  const OptionalTensor& largest;        // float64 ()
};

// The parameters of a group that have a gradient at this step, with it and their slots, ready for ATen's list
// operations.
struct Lists {
  Tensors parameters, gradients;
  std::vector<Tensors> slots;  // by slot, then as parameters
  size_t group;
  double learning_rate, weight_decay;  // the group's
  // On a device: 1 where nothing is to be changed, else 0; float32 ().
  std::optional<at::Tensor> found_bad;
};

// An optimizer, of arguments of its own.
struct Optimizer {
  size_t slots;  // how many the state has
  bool bounded;  // whether the rule's own factors are within kLargestFactor
  // What takes memory: makes of the gradients what the rule is given in their place. Not all have it.
  std::function<void(Lists& lists)> prepare = nullptr;
  // Updates parameters and slots in place; neither, where `found_bad` says so.
  std::function<void(const Lists& lists)> rule;
};

// One update of every parameter that has a gradient; the others are left alone. Returns the status, a new one where
// none was given.
at::Tensor update(const Update& request, const Optimizer& optimizer);

// The operation of an optimizer that `make` makes: its arguments come after those that all have.
template <auto make>
struct UpdateOperation;

template <typename... Own, Optimizer (*make)(const Update&, Own...)>
struct UpdateOperation<make> {
  static at::Tensor call(const Tensors& parameters, const Tensors& state, const at::Tensor& learning_rate,
                         const OptionalTensor& status, const OptionalTensor& gradient_norm,
                         const OptionalTensor& largest, const std::vector<int64_t>& groups,
                         const std::vector<double>& rate_factors, const Tensors& weight_decays, Own... own) {
    const Update request{.parameters = parameters,
                         .state = state,
                         .learning_rate = learning_rate,
                         .groups = groups,
                         .rate_factors = rate_factors,
                         .weight_decays = weight_decays,
                         .status = status,
                         .gradient_norm = gradient_norm,
                         .largest = largest};
    return update(request, make(request, own...));
  }
};

}  // namespace contrastive::optim

// Registers `make` as the operation `name`. own: the arguments that `make` takes, in the schema language.
#define CONTRASTIVE_UPDATE(name, make, own)                                                                         \
  static constexpr auto& name = ::contrastive::optim::UpdateOperation<make>::call;                                  \
  CONTRASTIVE_OP(name, #name                                                                                        \
                 "(Tensor(a!)[] parameters, Tensor(b!)[] state, Tensor learning_rate, *, Tensor(c!)? status=None, " \
                 "Tensor? gradient_norm=None, Tensor(d!)? largest=None, int[] groups, float[] rate_factors, "       \
                 "Tensor[] weight_decays, " own ") -> Tensor")
