#include "losses/softmax_cross_entropy.h"

#include <ATen/core/Reduction.h>
#include <c10/core/impl/LocalDispatchKeySet.h>

#include <limits>
#include <optional>

#include "core/error.h"
#include "core/host_copy.h"
#include "core/op.h"
#include "tensor/value_range.h"

namespace contrastive::losses {
namespace {

constexpr int64_t kIgnoreNone = -100;  // PyTorch's label of rows that do not count; none can be here

void check_inputs(const at::Tensor& logits, const at::Tensor& labels, double label_smoothing) {
  CONTRASTIVE_CHECK(logits.dim() == 3 && logits.numel() > 0, kShapeError,
                    "logits must have shape (batch, views, classes) and hold at least one value, got ", logits.sizes());
  CONTRASTIVE_CHECK(at::isFloatingType(logits.scalar_type()), kDTypeError, "logits must be floating, got ",
                    logits.scalar_type());
  CONTRASTIVE_CHECK(labels.dim() == 1 && labels.size(0) == logits.size(0), kShapeError,
                    "labels must have shape (batch) = [", logits.size(0), "], got ", labels.sizes());
  CONTRASTIVE_CHECK(at::isIntegralType(labels.scalar_type(), /*includeBool=*/true), kDTypeError,
                    "labels must be integers, got ", labels.scalar_type());
  CONTRASTIVE_CHECK(labels.device() == logits.device(), kDeviceError, "labels must be on ", logits.device(),
                    " as logits are, got ", labels.device());
  CONTRASTIVE_CHECK(label_smoothing >= 0 && label_smoothing <= 1, kOptionError,
                    "labelSmoothing must be from 0 to 1, got ", label_smoothing);
  const std::optional<at::Tensor> known = known_on_host(labels);
  if (labels.is_meta() || !known) return;
  const int64_t classes = logits.size(2);
  const auto [least, most] = tensor::value_range<int64_t>(*known);
  CONTRASTIVE_CHECK(least >= 0 && most < classes, kDataError, "labels must be in [0, ", classes, "), got values from ",
                    least, " to ", most);
}

// The loss, or NaN where a label that only the device knows is none of the classes: who checks it would wait for it.
at::Tensor checked_on_device(const at::Tensor& rows, const at::Tensor& targets, double label_smoothing) {
  const at::Tensor allowed = targets.clamp(0, rows.size(1) - 1);  // a device stops at an index that is none
  const at::Tensor loss =
      at::cross_entropy_loss(rows, allowed, /*weight=*/{}, at::Reduction::Mean, kIgnoreNone, label_smoothing);
  return loss.masked_fill(targets.ne(allowed).any(), std::numeric_limits<double>::quiet_NaN());
}

}  // namespace

at::Tensor softmax_cross_entropy(const at::Tensor& logits, const at::Tensor& labels, double label_smoothing) {
  const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
  check_inputs(logits, labels, label_smoothing);
  const int64_t batch = logits.size(0), views = logits.size(1), classes = logits.size(2);
  const at::Tensor rows =
      logits.to(logits.scalar_type() == at::kDouble ? at::kDouble : at::kFloat).reshape({batch * views, classes});
  const at::Tensor targets = labels.to(at::kLong).unsqueeze(1).expand({batch, views}).reshape({batch * views});
  if (!labels.is_meta() && !known_on_host(labels)) return checked_on_device(rows, targets, label_smoothing);
  return at::cross_entropy_loss(rows, targets, /*weight=*/{}, at::Reduction::Mean, kIgnoreNone, label_smoothing);
}

CONTRASTIVE_OP(softmax_cross_entropy,
               "softmax_cross_entropy(Tensor logits, Tensor labels, *, float label_smoothing=0) -> Tensor");

}  // namespace contrastive::losses
