#include "losses/loss_inputs.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.h"
#include "core/host_copy.h"
#include "tensor/value_range.h"

namespace contrastive::losses {
namespace {

void check_device(const char* name, const at::Tensor& x, const at::Tensor& features) {
  CONTRASTIVE_CHECK(x.device() == features.device(), kDeviceError, name, " must be on ", features.device(),
                    " as features are, got ", x.device());
}

bool is_integer(const at::Tensor& x) { return at::isIntegralType(x.scalar_type(), /*includeBool=*/true); }

void check_features(const at::Tensor& features, int64_t min_views) {
  CONTRASTIVE_CHECK(features.dim() == 3, kShapeError, "features must have shape (batch, views, dim), got ",
                    features.sizes());
  CONTRASTIVE_CHECK(features.size(1) >= min_views, kShapeError,
                    "features must have at least two views, (batch, views, dim), got ", features.sizes());
  CONTRASTIVE_CHECK(features.numel() > 0, kShapeError, "features must hold at least one value, got shape ",
                    features.sizes());
  CONTRASTIVE_CHECK(at::isFloatingType(features.scalar_type()), kDTypeError, "features must be floating, got ",
                    features.scalar_type());
}

void check_integers(const char* name, const char* shape, const at::Tensor& x, int64_t size,
                    const at::Tensor& features) {
  CONTRASTIVE_CHECK(x.dim() == 1 && x.size(0) == size, kShapeError, name, " must have shape ", shape, " = [", size,
                    "], got ", x.sizes());
  CONTRASTIVE_CHECK(is_integer(x), kDTypeError, name, " must be integers, got ", x.scalar_type());
  check_device(name, x, features);
}

bool are_flags(const at::Tensor& sets) { return sets.eq(0).logical_or(sets.eq(1)).all().item<bool>(); }

void check_label_sets(const char* name, const char* shape, const at::Tensor& sets, int64_t size,
                      const at::Tensor& features) {
  CONTRASTIVE_CHECK(sets.dim() == 2 && sets.size(0) == size && sets.size(1) > 0, kShapeError, name, " must have shape ",
                    shape, " with ", size, " rows, got ", sets.sizes());
  CONTRASTIVE_CHECK(!at::isComplexType(sets.scalar_type()), kDTypeError, name, " must be real, got ",
                    sets.scalar_type());
  check_device(name, sets, features);
  if (sets.is_meta()) return;
  CONTRASTIVE_CHECK(are_flags(on_host(sets)), kOptionError, name, " of two dimensions must hold 0 and 1 only");
}

// Labels of the batch, (batch) or (batch, classes).
void check_labels(const at::Tensor& labels, const at::Tensor& features) {
  const int64_t batch = features.size(0);
  if (labels.dim() == 2) return check_label_sets("labels", "(batch, classes)", labels, batch, features);
  check_integers("labels", "(batch)", labels, batch, features);
  // −1 says of a bank's feature that it has no class. In the batch it would be one, of all samples that were left
  // unlabelled.
  const std::optional<at::Tensor> known = known_on_host(labels);
  if (labels.is_meta() || !known) return;
  const auto least = known->min().item<int64_t>();
  CONTRASTIVE_CHECK(least >= 0, kOptionError, "labels must be integers >= 0, got ", least);
}

void check_mask(const at::Tensor& mask, const at::Tensor& features) {
  const int64_t batch = features.size(0);
  CONTRASTIVE_CHECK(mask.dim() == 2 && mask.size(0) == batch && mask.size(1) == batch, kShapeError,
                    "mask must have shape (batch, batch) = [", batch, ", ", batch, "], got ", mask.sizes());
  CONTRASTIVE_CHECK(!at::isComplexType(mask.scalar_type()), kDTypeError, "mask must be real, got ", mask.scalar_type());
  check_device("mask", mask, features);
  if (mask.is_meta() || mask.scalar_type() == at::kBool || mask.scalar_type() == at::kByte) return;
  const auto [low, high] = tensor::value_range<double>(mask);
  CONTRASTIVE_CHECK(low >= 0 && std::isfinite(high), kOptionError,
                    "mask must hold finite weights >= 0, got values from ", low, " to ", high);
}

void check_bank(const LossInputs& in) {
  const at::Tensor &bank = *in.bank, &features = in.features;
  CONTRASTIVE_CHECK(bank.dim() == 2 && bank.size(0) > 0 && bank.size(1) == features.size(2), kShapeError,
                    "bank.features must have shape (bank >= 1, dim = ", features.size(2), "), got ", bank.sizes());
  CONTRASTIVE_CHECK(at::isFloatingType(bank.scalar_type()), kDTypeError, "bank.features must be floating, got ",
                    bank.scalar_type());
  check_device("bank.features", bank, features);
  CONTRASTIVE_CHECK(in.ids.has_value() == in.bank_ids.has_value(), kOptionError,
                    "ids and bank.ids go together, got only ", in.ids ? "ids" : "bank.ids");
  if (in.bank_ids) check_integers("bank.ids", "(bank)", *in.bank_ids, bank.size(0), features);
  CONTRASTIVE_CHECK(!in.mask || in.ids, kOptionError,
                    "a bank beside mask needs ids and bank.ids: the mask says nothing of its features");
  CONTRASTIVE_CHECK(!in.labels || in.bank_labels || in.ids, kOptionError,
                    "a bank beside labels needs bank.labels, or ids and bank.ids");
  if (!in.bank_labels) return;
  CONTRASTIVE_CHECK(in.labels.has_value(), kOptionError, "bank.labels need labels, got none");
  CONTRASTIVE_CHECK(in.bank_labels->dim() == in.labels->dim() &&
                        (in.labels->dim() == 1 || in.bank_labels->size(1) == in.labels->size(1)),
                    kShapeError, "bank.labels must be of the kind of labels, ", in.labels->sizes(), ", got ",
                    in.bank_labels->sizes());
  if (in.labels->dim() == 2)
    check_label_sets("bank.labels", "(bank, classes)", *in.bank_labels, bank.size(0), features);
  else
    check_integers("bank.labels", "(bank)", *in.bank_labels, bank.size(0), features);
}

void check_options(const LossOptions& options) {
  CONTRASTIVE_CHECK(options.max_positives >= 0, kOptionError, "max_positives must be >= 0, got ",
                    options.max_positives);
  const auto [concentration, class_prior] = options.hard_negatives;
  CONTRASTIVE_CHECK(concentration >= 0 && std::isfinite(concentration), kOptionError,
                    "concentration must be finite and >= 0, got ", concentration);
  CONTRASTIVE_CHECK(class_prior >= 0 && class_prior < 1, kOptionError, "class_prior must be in [0, 1), got ",
                    class_prior);
  if (options.sigma)
    CONTRASTIVE_CHECK(*options.sigma > 0 && std::isfinite(*options.sigma), kOptionError,
                      "sigma must be a finite number > 0, got ", *options.sigma);
  CONTRASTIVE_CHECK(std::isfinite(options.loss_scale), kOptionError, "loss_scale must be finite, got ",
                    options.loss_scale);
  CONTRASTIVE_CHECK(options.block >= 0, kOptionError, "block must be >= 0, got ", options.block);
}

}  // namespace

void check(const LossInputs& inputs, const LossOptions& options) {
  const at::Tensor& features = inputs.features;
  check_features(features, options.min_views);
  CONTRASTIVE_CHECK(!(inputs.labels && inputs.mask), kOptionError, "labels and mask exclude each other, got both");
  if (inputs.labels) check_labels(*inputs.labels, features);
  if (inputs.mask) check_mask(*inputs.mask, features);
  if (inputs.ids) check_integers("ids", "(batch)", *inputs.ids, features.size(0), features);
  CONTRASTIVE_CHECK(inputs.bank || !(inputs.bank_labels || inputs.bank_ids), kOptionError,
                    "bank.labels and bank.ids need bank.features");
  if (inputs.bank) check_bank(inputs);
  if (inputs.learned_temperature) {
    const at::Tensor& learned = *inputs.learned_temperature;
    CONTRASTIVE_CHECK(learned.numel() == 1, kShapeError, "temperature must have one element, got shape ",
                      learned.sizes());
    CONTRASTIVE_CHECK(at::isFloatingType(learned.scalar_type()), kDTypeError, "temperature must be floating, got ",
                      learned.scalar_type());
  }
  check_options(options);
  CONTRASTIVE_CHECK(options.anchors != Anchors::kQueries || features.size(1) == 2, kShapeError,
                    "features must hold a query and its key, (batch, 2, dim), where anchors are 'queries', got ",
                    features.sizes());
}

double temperature_of(const LossInputs& inputs, const LossOptions& options) {
  const auto& learned = inputs.learned_temperature;
  if (learned && (learned->is_meta() || inputs.features.is_meta())) return 1;
  const double value = learned ? on_host(*learned).item<double>() : options.temperature;
  CONTRASTIVE_CHECK(value > 0 && std::isfinite(value), kOptionError, "temperature must be a finite number > 0, got ",
                    value);
  constexpr double kMost = std::numeric_limits<float>::max();
  CONTRASTIVE_CHECK(value <= kMost && 1 / value <= kMost, kOptionError,
                    "temperature and its inverse must be finite in float32, got ", value);
  return value;
}

}  // namespace contrastive::losses
