#include "evaluate/knn.h"

#include <cmath>

#include "core/error.h"
#include "core/op.h"
#include "evaluate/checks.h"
#include "evaluate/neighbours.h"

namespace contrastive::evaluate {

std::tuple<at::Tensor, at::Tensor> knn_classify(const at::Tensor& features, const at::Tensor& bank,
                                                const at::Tensor& bank_labels, int64_t classes, int64_t k,
                                                double temperature, bool unit, int64_t block) {
  CONTRASTIVE_CHECK(temperature > 0 && std::isfinite(temperature), kOptionError,
                    "temperature must be a finite number > 0, got ", temperature);
  const auto [indices, similarities] = nearest_neighbours(features, bank, k, unit, block);
  const at::Tensor labels = checked_labels("bank_labels", bank_labels, bank, classes);
  const int64_t count = features.size(0);
  if (features.is_meta())
    return {at::empty({count}, indices.options()), at::empty({count, classes}, similarities.options())};

  const at::Tensor votes = at::softmax(similarities / temperature, /*dim=*/1);
  const at::Tensor voted = labels.index_select(0, indices.flatten()).view({count, k});
  const at::Tensor scores = at::zeros({count, classes}, votes.options()).scatter_add_(1, voted, votes);
  return {scores.argmax(1), scores};
}

CONTRASTIVE_OP(knn_classify,
               "knn_classify(Tensor features, Tensor bank, Tensor bank_labels, *, int classes, int k=20, "
               "float temperature=0.1, bool unit=False, int block=0) -> (Tensor predictions, Tensor scores)");

}  // namespace contrastive::evaluate
