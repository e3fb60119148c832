#include "losses/pair_gradient.h"

#include "core/error.h"

namespace contrastive::losses {
PairGradient::PairGradient(const Pairs& pairs, const at::Tensor& z)
    : pairs_(pairs), z_(z), gradient_(at::zeros_like(z)), with_bank_(at::zeros({}, z.options())) {}

void PairGradient::add(const Block& block, const at::Tensor& of_similarities) {
  if (block.columns.begin >= pairs_.rows) {
    const Range columns{block.columns.begin - pairs_.rows, block.columns.end - pairs_.rows};
    const at::Tensor brought = at::mm(of_similarities, part(pairs_.bank, columns)).div_(pairs_.temperature);
    part(gradient_, block.rows).add_(brought);
    with_bank_.add_((part(z_, block.rows) * brought).sum());
    return;
  }
  const double scale = 1 / pairs_.temperature;
  if (block.diagonal) {  // one product instead of two
    part(gradient_, block.rows).addmm_(of_similarities + of_similarities.t(), part(z_, block.rows), /*beta=*/1, scale);
    return;
  }
  part(gradient_, block.rows).addmm_(of_similarities, part(z_, block.columns), /*beta=*/1, scale);
  part(gradient_, block.columns).addmm_(of_similarities.t(), part(z_, block.rows), /*beta=*/1, scale);
}

void PairGradient::join() {
  join_sums(pairs_.ranks, gradient_);
  join_sums(pairs_.ranks, with_bank_);
}

at::Tensor PairGradient::of_temperature(const at::Tensor& temperature) const {
  // ∂/∂τ = −1/τ Σ s ∂/∂s. A pair of rows stands twice in Σ z · ∂/∂z, a pair with the bank once.
  const at::Tensor twice = at::dot(z_.reshape({-1}), gradient_.reshape({-1})) + with_bank_;
  return (twice * (-0.5 / pairs_.temperature)).to(temperature.options()).view_as(temperature);
}

void refuse_second_derivative() {
  throw Error(kAutogradError,
              "a contrastive loss has no second derivative: its backward pass is analytic; write the loss with "
              "tensor operations to differentiate it twice");
}

}  // namespace contrastive::losses
