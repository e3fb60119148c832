#include "losses/nt_xent.h"

#include "core/error.h"
#include "core/op.h"
#include "losses/sup_con.h"

namespace contrastive::losses {

at::Tensor nt_xent_loss(const at::Tensor& features, const std::optional<at::Tensor>& learned_temperature,
                        double temperature, double loss_scale, bool normalize, int64_t block) {
  CONTRASTIVE_CHECK(features.dim() != 3 || features.size(1) != 1, kShapeError,
                    "features must have at least two views, (batch, views, dim), got ", features.sizes());
  return std::get<0>(sup_con_loss(features, /*labels=*/std::nullopt, /*mask=*/std::nullopt, learned_temperature,
                                  temperature, "out", "all", "ignore", loss_scale, normalize, block));
}

CONTRASTIVE_OP(nt_xent_loss,
               "nt_xent_loss(Tensor features, Tensor? learned_temperature=None, *, float temperature=0.1, "
               "float loss_scale=1.0, bool normalize=True, int block=0) -> Tensor");

}  // namespace contrastive::losses
