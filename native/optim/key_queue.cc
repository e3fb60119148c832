#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>

#include "core/error.h"
#include "core/op.h"
#include "optim/lists.h"
#include "optim/status.h"
#include "tensor/row_lengths.h"

namespace contrastive::optim {
namespace {

void check_keys(const at::Tensor& features, const at::Tensor& keys, const OptionalTensor& labels,
                const at::Tensor& ids) {
  CONTRASTIVE_CHECK(features.dim() == 2 && features.numel() > 0, kShapeError,
                    "features must have shape (size, dim), got ", features.sizes());
  const int64_t size = features.size(0), dim = features.size(1), batch = keys.dim() == 2 ? keys.size(0) : 0;
  CONTRASTIVE_CHECK(batch >= 1 && batch <= size && keys.size(1) == dim, kShapeError, "keys must have shape (1 to ",
                    size, ", ", dim, "), got ", keys.sizes());
  CONTRASTIVE_CHECK(!labels || (labels->dim() == 1 && labels->size(0) == batch), kShapeError,
                    "labels must have shape (batch) = [", batch, "], got ", labels->sizes());
  CONTRASTIVE_CHECK(ids.dim() == 1 && ids.size(0) == batch, kShapeError, "ids must have shape (batch) = [", batch,
                    "], got ", ids.sizes());
}

// Puts keys in the place of the oldest in a queue of a fixed size, unless the step was refused: first in, first out.
// Source: He et al. 2020, arXiv:1911.05722, section 3.2.
//
// features: float32 (size, dim). labels: int64 (size), -1 where there was none. ids: int64 (size). pushed: int64 (),
// how many keys ever came: the next goes to pushed % size. keys: float32 (batch <= size, dim), divided by their lengths
// where `normalize`. key_labels, key_ids: integer (batch).
at::Tensor push_keys_(const at::Tensor& features, const at::Tensor& labels, const at::Tensor& ids,
                      const at::Tensor& pushed, const at::Tensor& keys, const OptionalTensor& key_labels,
                      const at::Tensor& key_ids, const at::Tensor& status, bool normalize) {
  check_keys(features, keys, key_labels, key_ids);
  check_status(status);
  if (status.is_meta() || (is_readable(status) && is_refused(status))) return status;
  const c10::NoGradGuard no_grad;
  const at::Tensor rows = normalize ? keys / tensor::row_lengths(keys) : keys;
  const int64_t size = features.size(0), batch = rows.size(0);
  const at::Tensor labels_of_rows = key_labels ? *key_labels : at::full({batch}, -1, labels.options());
  if (!is_readable(status)) {
    const at::Tensor places = at::arange(batch, ids.options()).add_(pushed).remainder_(size),
                     is_fine = status.le(kFine);
    const auto write = [&](const at::Tensor& target, const at::Tensor& values) {
      target.index_copy_(0, places,
                         at::where(is_fine, values.to(target.scalar_type()), target.index_select(0, places)));
    };
    write(features, rows);
    write(labels, labels_of_rows);
    write(ids, key_ids);
    pushed.add_(is_fine.to(at::kLong), batch);
    return status;
  }
  const int64_t begin = pushed.item<int64_t>() % size;
  const int64_t before_end = std::min(batch, size - begin);  // the rest goes to the beginning
  const auto write = [&](const at::Tensor& target, const at::Tensor& values) {
    target.narrow(0, begin, before_end).copy_(values.narrow(0, 0, before_end));
    target.narrow(0, 0, batch - before_end).copy_(values.narrow(0, before_end, batch - before_end));
  };
  write(features, rows);
  write(labels, labels_of_rows);
  write(ids, key_ids);
  pushed.add_(batch);
  return status;
}

CONTRASTIVE_OP(push_keys_,
               "push_keys_(Tensor(a!) features, Tensor(b!) labels, Tensor(c!) ids, Tensor(d!) pushed, Tensor keys, "
               "Tensor? key_labels, Tensor key_ids, Tensor status, *, bool normalize=True) -> Tensor");

}  // namespace
}  // namespace contrastive::optim
