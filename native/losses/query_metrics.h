#pragma once

#include <ATen/ATen.h>

#include <optional>

namespace contrastive::losses {

// What contrastive_metrics() measures, over the pairs of a query with its own key and with the keys of a bank; `spread`
// is that of the queries. features: floating (batch, 2, dim), a query and its key. A key of the bank is a positive of a
// query where their ids are equal or, with labels, their labels. ids, labels: integer (batch) and (bank). A bank has
// ids. Returns float32 (7): top1, positive similarity, negative similarity, alignment, uniformity, spread, valid
// anchors.
at::Tensor query_metrics(const at::Tensor& features, const at::Tensor& ids, const std::optional<at::Tensor>& labels,
                         const std::optional<at::Tensor>& bank, const std::optional<at::Tensor>& bank_ids,
                         const std::optional<at::Tensor>& bank_labels);

}  // namespace contrastive::losses
