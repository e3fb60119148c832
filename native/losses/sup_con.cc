#include "losses/sup_con.h"

#include "core/op.h"
#include "losses/contrastive_loss.h"

namespace contrastive::losses {

std::tuple<at::Tensor, at::Tensor> sup_con_loss(
    const at::Tensor& features, const OptionalTensor& labels, const OptionalTensor& mask, const OptionalTensor& ids,
    const OptionalTensor& bank, const OptionalTensor& bank_labels, const OptionalTensor& bank_ids,
    const OptionalTensor& learned_temperature, double temperature, const std::string& variant,
    const std::string& denominators, const std::string& anchors, const std::string& no_positives, int64_t max_positives,
    int64_t seed, double concentration, double class_prior, double loss_scale, bool normalize, int64_t block) {
  return contrastive_loss({features, labels, mask, ids, bank, bank_labels, bank_ids, learned_temperature},
                          {temperature,
                           variant,
                           denominators,
                           anchors,
                           no_positives,
                           max_positives,
                           seed,
                           {concentration, class_prior},
                           /*mises_sigma=*/std::nullopt,
                           /*mises_gradient=*/false,
                           loss_scale,
                           normalize,
                           block});
}

CONTRASTIVE_OP(
    sup_con_loss,
    "sup_con_loss(Tensor features, Tensor? labels=None, Tensor? mask=None, Tensor? ids=None, Tensor? bank=None, "
    "Tensor? bank_labels=None, Tensor? bank_ids=None, Tensor? learned_temperature=None, "
    "*, float temperature=0.1, str variant='out', str denominators='all', str anchors='all', "
    "str no_positives='ignore', int max_positives=0, int seed=0, float concentration=0.0, float class_prior=0.0, "
    "float loss_scale=1.0, bool normalize=True, int block=0) -> (Tensor loss, Tensor valid_anchors)");

}  // namespace contrastive::losses
