#include "losses/nt_xent.h"

#include "core/op.h"
#include "losses/contrastive_loss.h"

namespace contrastive::losses {

at::Tensor nt_xent_loss(const at::Tensor& features, const OptionalTensor& ids, const OptionalTensor& bank,
                        const OptionalTensor& bank_ids, const OptionalTensor& learned_temperature, double temperature,
                        const std::string& anchors, double concentration, double class_prior, double loss_scale,
                        bool normalize, int64_t block) {
  LossOptions options;
  options.temperature = temperature;
  options.anchors = anchors;
  options.hard_negatives = {concentration, class_prior};
  options.loss_scale = loss_scale;
  options.normalize = normalize;
  options.block = block;
  return self_supervised_loss({.features = features,
                               .ids = ids,
                               .bank = bank,
                               .bank_ids = bank_ids,
                               .learned_temperature = learned_temperature},
                              options);
}

CONTRASTIVE_OP(
    nt_xent_loss,
    "nt_xent_loss(Tensor features, Tensor? ids=None, Tensor? bank=None, Tensor? bank_ids=None, "
    "Tensor? learned_temperature=None, *, float temperature=0.1, str anchors='all', float concentration=0.0, "
    "float class_prior=0.0, float loss_scale=1.0, bool normalize=True, int block=0) -> Tensor");

}  // namespace contrastive::losses
