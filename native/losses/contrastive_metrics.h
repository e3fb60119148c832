#pragma once

#include <ATen/ATen.h>

#include <optional>

namespace contrastive::losses {

constexpr int64_t kMetrics = 7;
constexpr double kUniformityScale = 2;  // t
constexpr double kNormEpsilon = 1e-12;  // a shorter row is not stretched to length one

// What a contrastive loss does to features, without a gradient. Rows are the L2-normalised views of all samples; the
// positives of a row are the other rows of its label, without labels the other views of its sample.
//   top1                 part of the rows with a positive whose nearest other row is one; a tie is a miss
//   positive_similarity  mean z_i·z_j over ordered pairs of a row and a positive of it
//   negative_similarity  mean z_i·z_j over all other pairs of two rows
//   alignment            mean |z_i − z_j|² over the positive pairs (Wang & Isola 2020, arXiv:2005.10242, α = 2)
//   uniformity           log mean exp(−2 |z_i − z_j|²) over all pairs of two rows (there, t = 2)
//   spread               √dim times the rows' standard deviation, a mean over the dimensions: 1 for rows all over the
//                        sphere, 0 for equal ones (Chen & He 2021, arXiv:2011.10566, section 4.1)
//   valid_anchors        rows that have a positive
// NaN where a mean is over nothing. features: floating (batch, views, dim), computed in float32. labels: integer
// (batch). block: rows of a block of similarities, 0 for the library's choice. Returns float32 (7), in this order.
at::Tensor contrastive_metrics(const at::Tensor& features, const std::optional<at::Tensor>& labels, int64_t block);

}  // namespace contrastive::losses
