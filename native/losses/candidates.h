// The rows that a contrastive loss compares: those of the batch and of the bank, in the order in which the kernel wants
// them, with who is a positive of whom.
#pragma once

#include <ATen/ATen.h>

#include <memory>

#include "losses/loss_inputs.h"
#include "losses/positives.h"

namespace contrastive::losses {

struct Candidates {
  at::Tensor rows;  // z, float32 or float64 (batch · views, dim), differentiable in features; anchors first
  at::Tensor bank;  // the same without gradient (bank, dim); undefined when there is none
  std::shared_ptr<const Positives> positives;
  at::Tensor order;  // int64 (candidates): the place of each in (view-major rows, bank)
};

// anchors: how many of the view-major rows are anchors.
Candidates candidates_of(const LossInputs& inputs, bool normalize, int64_t anchors);

}  // namespace contrastive::losses
