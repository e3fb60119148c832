// What a positive is compared with in a contrastive loss: the per-anchor formulas over the kernel's sums.
#pragma once

#include <ATen/ATen.h>

#include <optional>
#include <string>
#include <vector>

#include "losses/pair_sums.h"

namespace contrastive::losses {

enum class Denominators {
  kAll,                      // every candidate
  kNegativesAndOnePositive,  // the negatives, and the positive of the term
  kNegatives,                // the negatives
};

// Negatives weighted by exp(β s) and corrected for those of them that are of the anchor's class. None: β = 0, τ⁺ = 0.
// Source: Robinson et al. 2021, arXiv:2010.04592, and its code; τ⁺: Chuang et al. 2020, arXiv:2007.00224, sec. 4; with
// labels: Jiang et al. 2022, arXiv:2209.00078.
struct HardNegatives {
  double concentration = 0;  // β ≥ 0
  double class_prior = 0;    // τ⁺ in [0, 1)

  bool any() const { return concentration > 0 || class_prior > 0; }
};

class DenominatorSums {
 public:
  DenominatorSums(Denominators denominators, HardNegatives hard);

  // The sums that log_of() reads, to be made by pair_sums().
  const std::vector<PairSum>& needed() const { return needed_; }

  // log of the denominator (anchors), that of kNegativesAndOnePositive without its positive; −∞ where it is empty.
  // sums: what pair_sums() gave for needed(), (sums, anchors). temperature: τ ().
  at::Tensor log_of(const at::Tensor& sums, const PairCounts& counts, const at::Tensor& temperature) const;

 private:
  at::Tensor log_hard_negatives(const at::Tensor& sums, const PairCounts& counts, const at::Tensor& temperature) const;

  Denominators denominators_;
  HardNegatives hard_;
  std::vector<PairSum> needed_;
};

}  // namespace contrastive::losses
