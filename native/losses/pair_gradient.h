// What the backward passes over pairs share: the way from ∂/∂s to the gradients of z and τ.
#pragma once

#include <ATen/ATen.h>

#include <optional>

#include "losses/pairs.h"

namespace contrastive::losses {

class PairGradient {
 public:
  PairGradient(const Pairs& pairs, const at::Tensor& z);
  // Adds what ∂/∂s of a block (rows, columns) brings. Blocks come in the order of own_blocks_of().
  void add(const Block& block, const at::Tensor& of_similarities);

  // Behind the last block: adds what the other ranks have.
  void join();

  // ∂/∂z, (rows, dim).
  at::Tensor of_features() const { return gradient_; }
  // ∂/∂τ, as a tensor like `temperature`.
  at::Tensor of_temperature(const at::Tensor& temperature) const;

 private:
  const Pairs& pairs_;
  at::Tensor z_, gradient_;
  at::Tensor with_bank_;  // Σ z · gradient_ of the blocks with the bank ()
};

// The first derivative's own derivative.
[[noreturn]] void refuse_second_derivative();

}  // namespace contrastive::losses
