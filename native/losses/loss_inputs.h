// What the contrastive losses take: tensors and options, and their checks.
#pragma once

#include <ATen/ATen.h>

#include <optional>

#include "losses/denominators.h"

namespace contrastive::losses {

using OptionalTensor = std::optional<at::Tensor>;

struct LossInputs {
  at::Tensor features;    // floating (batch, views, dim)
  OptionalTensor labels;  // integer (batch), or 0 and 1, (batch, classes)
  OptionalTensor mask;    // (batch, batch), finite weights ≥ 0
  OptionalTensor ids;     // integer (batch): equal ids are one sample
  // More candidates: no anchors, no gradient.
  OptionalTensor bank;                 // floating (bank, dim)
  OptionalTensor bank_labels;          // as labels, (bank) or (bank, classes)
  OptionalTensor bank_ids;             // integer (bank)
  OptionalTensor learned_temperature;  // floating, one element: takes the place of `temperature` and gets a gradient
};

// The mean over an anchor's positives: outside the logarithm, or inside.
enum class Variant { kOut, kIn };
// All views; view 0, against all; view 0 of two, against view 1 of its own sample and the bank.
enum class Anchors { kAll, kFirst, kQueries };
// An anchor without one is left out of the mean, counts 0 in it, or is refused.
enum class NoPositives { kIgnore, kZero, kError };

struct LossOptions {
  double temperature = 0.1;  // τ > 0
  int64_t min_views = 1;     // 2 where the other views of a sample are its only positives
  Variant variant = Variant::kOut;
  Denominators denominators = Denominators::kAll;
  Anchors anchors = Anchors::kAll;
  NoPositives no_positives = NoPositives::kIgnore;
  int64_t max_positives = 0;  // 0: no cap
  int64_t seed = 0;           // of the cap's choice
  HardNegatives hard_negatives;
  std::optional<double> sigma;   // σ > 0 of DCLW's weights of the positives
  bool weight_gradient = false;  // whether these have a gradient
  double loss_scale = 1;
  bool normalize = true;
  int64_t block = 0;  // candidates of a block; 0: chosen for the device
};

// Throws kShapeError, kDTypeError, kDeviceError or kOptionError for what does not fit; values are looked at where the
// tensors are not meta, those of classes where the host knows them.
void check(const LossInputs& inputs, const LossOptions& options);

// τ on the host, checked; 1 for meta tensors.
double temperature_of(const LossInputs& inputs, const LossOptions& options);

}  // namespace contrastive::losses
