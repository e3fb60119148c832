// Sums over the positives of an anchor by their classes, for a device: there, masking blocks of pairs takes launches,
// and which blocks hold a positive is not known to the host where labels are made there. A CPU leaves out most blocks.
#pragma once

#include <ATen/ATen.h>

#include <optional>

#include "losses/pairs.h"

namespace contrastive::losses {

// Whether the sums below are taken: on a device, where positives go by classes, without a cap.
bool has_class_sums(const Pairs& pairs);

// How many positives each anchor has (anchors), in the dtype of `like`.
at::Tensor positives_by_class(const Pairs& pairs, const at::Tensor& like);

// Σ_p z_i·z_p over the positives of each anchor (anchors), once differentiable in z, (rows, dim).
at::Tensor products_by_class(const at::Tensor& z, const Pairs& pairs);

}  // namespace contrastive::losses
