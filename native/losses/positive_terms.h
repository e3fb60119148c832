// Sums over the positives of each anchor of something that its own denominators enter: the second pass that some losses
// need. Only blocks that hold a positive are made.
#pragma once

#include <ATen/ATen.h>

#include <optional>

#include "losses/pairs.h"

namespace contrastive::losses {

// With the share σ(s_ip − g_i) = exp(s_ip) / (exp(s_ip) + exp(g_i)) of a positive p, whose weight is w_ip:
enum class PositiveTerm {
  kLogShares,  // Σ_p w_ip log σ(s_ip − g_i)
  kShares,     // log Σ_p w_ip σ(s_ip − g_i)
  kVonMises,   // Σ_p w_ip (2 − exp(κ s_ip − m)) s_ip
};

// κ s_ip is a cosine over σ: without τ, whose gradient comes by the last s_ip alone.
struct VonMises {
  double concentration = 0;  // κ
  at::Tensor log_mean;       // m ()
  bool gradient = false;     // whether z has one by the factor before s_ip, and m one
};

// z and temperature as in pair_sums. offsets: g (anchors), −∞ for a share of 1; not read by kVonMises.
// Returns (anchors), 0 or −∞ without a positive; differentiable once in z, offsets and temperature.
at::Tensor positive_terms(const at::Tensor& z, const at::Tensor& offsets, const std::optional<at::Tensor>& temperature,
                          const Pairs& pairs, PositiveTerm term, const VonMises& weighting = {});

}  // namespace contrastive::losses
