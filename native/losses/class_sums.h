// Sums over the positives of an anchor by their classes, where a device alone looks at these: no block of pairs could
// be left out for having no positive, and each would be masked.
#pragma once

#include <ATen/ATen.h>

#include <optional>

#include "losses/pairs.h"

namespace contrastive::losses {

// Whether the sums below can be taken: of Positives with classes_of_device(), without a cap.
bool has_class_sums(const Pairs& pairs);

// How many positives each anchor has (anchors), in the dtype of `like`.
at::Tensor positives_by_class(const Pairs& pairs, const at::Tensor& like);

// Σ_p z_i·z_p over the positives of each anchor (anchors), once differentiable in z, (rows, dim).
at::Tensor products_by_class(const at::Tensor& z, const Pairs& pairs);

}  // namespace contrastive::losses
