#include "losses/sup_con.h"

#include <c10/core/impl/LocalDispatchKeySet.h>

#include <cmath>
#include <initializer_list>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/op.h"
#include "losses/pair_loss.h"

namespace contrastive::losses {
namespace {

bool one_of(const std::string& value, std::initializer_list<const char*> choices) {
  for (const char* choice : choices)
    if (value == choice) return true;
  return false;
}

void check_features(const at::Tensor& features) {
  CONTRASTIVE_CHECK(features.dim() == 3, kShapeError, "features must have shape (batch, views, dim), got ",
                    features.sizes());
  CONTRASTIVE_CHECK(features.numel() > 0, kShapeError, "features must hold at least one value, got shape ",
                    features.sizes());
  CONTRASTIVE_CHECK(at::isFloatingType(features.scalar_type()), kDTypeError, "features must be floating, got ",
                    features.scalar_type());
}

void check_labels(const at::Tensor& labels, const at::Tensor& features) {
  CONTRASTIVE_CHECK(labels.dim() == 1 && labels.size(0) == features.size(0), kShapeError,
                    "labels must have shape (batch) = [", features.size(0), "], got ", labels.sizes());
  CONTRASTIVE_CHECK(at::isIntegralType(labels.scalar_type(), /*includeBool=*/true), kDTypeError,
                    "labels must be integers, got ", labels.scalar_type());
  CONTRASTIVE_CHECK(labels.device() == features.device(), kDeviceError, "labels are on ", labels.device(),
                    ", features on ", features.device());
}

void check_mask(const at::Tensor& mask, const at::Tensor& features) {
  const int64_t batch = features.size(0);
  CONTRASTIVE_CHECK(mask.dim() == 2 && mask.size(0) == batch && mask.size(1) == batch, kShapeError,
                    "mask must have shape (batch, batch) = [", batch, ", ", batch, "], got ", mask.sizes());
  CONTRASTIVE_CHECK(!at::isComplexType(mask.scalar_type()), kDTypeError, "mask must be real, got ", mask.scalar_type());
  CONTRASTIVE_CHECK(mask.device() == features.device(), kDeviceError, "mask is on ", mask.device(), ", features on ",
                    features.device());
  if (mask.is_meta() || at::isIntegralType(mask.scalar_type(), /*includeBool=*/true)) return;
  const auto [low, high] = mask.aminmax();
  CONTRASTIVE_CHECK(low.item<double>() >= 0 && std::isfinite(high.item<double>()), kOptionError,
                    "mask must hold finite weights >= 0, got values from ", low.item<double>(), " to ",
                    high.item<double>());
}

// τ on the host, and checked.
double temperature_value(const std::optional<at::Tensor>& learned, double fixed, const at::Tensor& features) {
  if (learned) {
    CONTRASTIVE_CHECK(learned->numel() == 1, kShapeError, "temperature must have one element, got shape ",
                      learned->sizes());
    CONTRASTIVE_CHECK(at::isFloatingType(learned->scalar_type()), kDTypeError, "temperature must be floating, got ",
                      learned->scalar_type());
    if (learned->is_meta() || features.is_meta()) return 1;
    fixed = learned->item<double>();
  }
  CONTRASTIVE_CHECK(fixed > 0 && std::isfinite(fixed), kOptionError, "temperature must be a finite number > 0, got ",
                    fixed);
  return fixed;
}

// Rows of length one; a row of zeros stays so.
at::Tensor normalized(const at::Tensor& rows) {
  const at::Tensor norm = at::linalg_vector_norm(rows, 2, at::IntArrayRef{1}, /*keepdim=*/true);
  return rows / at::where(norm.eq(0), at::ones_like(norm), norm);
}

// Anchors first, each of the two parts in order of class.
at::Tensor order_of(const at::Tensor& classes, int64_t anchors) {
  std::vector<at::Tensor> parts;
  parts.push_back(classes.narrow(0, 0, anchors).argsort(/*stable=*/true, /*dim=*/0));
  if (anchors < classes.size(0))
    parts.push_back(
        classes.narrow(0, anchors, classes.size(0) - anchors).argsort(/*stable=*/true, /*dim=*/0).add(anchors));
  return at::cat(parts);
}

// On a CPU a block and what is made of it should stay in the cache; a GPU wants large ones.
int64_t default_block(const at::Device& device) { return device.is_cpu() ? 512 : 4096; }

}  // namespace

std::tuple<at::Tensor, at::Tensor> sup_con_loss(const at::Tensor& features, const std::optional<at::Tensor>& labels,
                                                const std::optional<at::Tensor>& mask,
                                                const std::optional<at::Tensor>& learned_temperature,
                                                double temperature, const std::string& variant,
                                                const std::string& anchors, const std::string& no_positives,
                                                double loss_scale, bool normalize, int64_t block) {
  // Autocast would run the similarities in bfloat16.
  const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
  check_features(features);
  CONTRASTIVE_CHECK(!(labels && mask), kOptionError, "labels and mask exclude each other, got both");
  if (labels) check_labels(*labels, features);
  if (mask) check_mask(*mask, features);
  CONTRASTIVE_CHECK(one_of(variant, {"out", "in"}), kOptionError, "variant must be 'out' or 'in', got '", variant, "'");
  CONTRASTIVE_CHECK(one_of(anchors, {"all", "first"}), kOptionError, "anchors must be 'all' or 'first', got '", anchors,
                    "'");
  CONTRASTIVE_CHECK(one_of(no_positives, {"ignore", "zero", "error"}), kOptionError,
                    "no_positives must be 'ignore', 'zero' or 'error', got '", no_positives, "'");
  CONTRASTIVE_CHECK(std::isfinite(loss_scale), kOptionError, "loss_scale must be finite, got ", loss_scale);
  CONTRASTIVE_CHECK(block >= 0, kOptionError, "block must be >= 0, got ", block);
  const double tau = temperature_value(learned_temperature, temperature, features);

  const int64_t batch = features.size(0), views = features.size(1), rows = batch * views;
  const int64_t anchor_rows = anchors == "all" ? rows : batch;
  const auto dtype = features.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  at::Tensor z = features.to(dtype).transpose(0, 1).reshape({rows, features.size(2)});  // view-major

  if (z.is_meta()) {  // what depends on both, of the right shape and dtype
    const at::Tensor loss = learned_temperature ? z.sum() * learned_temperature->to(dtype).sum() : z.sum();
    return {loss, at::empty({}, features.options().dtype(at::kLong))};
  }
  if (normalize) z = normalized(z);

  const at::Tensor samples = at::arange(batch, features.options().dtype(at::kLong)).repeat({views});
  at::Tensor classes = samples;
  if (labels) classes = labels->to(at::kLong).repeat({views});
  if (!mask) {
    const at::Tensor order = order_of(classes, anchor_rows);
    z = z.index_select(0, order);
    classes = classes.index_select(0, order);
  }
  Positives positives = mask ? Positives::of_mask(mask->detach().to(dtype)) : Positives::of_classes(classes);

  const at::Tensor totals = positives.total(anchor_rows, rows, z);
  const at::Tensor valid = totals > 0, valid_anchors = valid.sum();
  if (no_positives == "error") {
    const int64_t count = valid_anchors.item<int64_t>();
    CONTRASTIVE_CHECK(count == anchor_rows, kDataError, anchor_rows - count, " of ", anchor_rows,
                      " anchors have no positive, and noPositives is 'error'");
  }
  // A row alone has nothing to be compared with; NaN stays NaN.
  if (rows == 1) {
    const at::Tensor nothing = features.to(dtype).sum() * 0;
    return {learned_temperature ? nothing * learned_temperature->to(dtype).sum() : nothing, valid_anchors};
  }

  const at::Tensor counted =
      no_positives == "zero" ? at::full({}, anchor_rows, z.options()) : valid_anchors.clamp_min(1).to(dtype);
  double bound = 1 / tau;
  if (!normalize) bound = z.detach().square().sum(1).max().item<double>() / tau;
  const at::Tensor loss = pair_loss(z, learned_temperature,
                                    {.positives = std::move(positives),
                                     .variant = variant == "in" ? Variant::kIn : Variant::kOut,
                                     .anchors = anchor_rows,
                                     .coefficients = valid.to(dtype) * (loss_scale / counted),
                                     .totals = totals,
                                     .temperature = tau,
                                     .bound = bound,
                                     .block = block > 0 ? block : default_block(features.device())});
  return {loss, valid_anchors};
}

CONTRASTIVE_OP(
    sup_con_loss,
    "sup_con_loss(Tensor features, Tensor? labels=None, Tensor? mask=None, Tensor? learned_temperature=None, "
    "*, float temperature=0.1, str variant='out', str anchors='all', str no_positives='ignore', "
    "float loss_scale=1.0, bool normalize=True, int block=0) -> (Tensor loss, Tensor valid_anchors)");

}  // namespace contrastive::losses
