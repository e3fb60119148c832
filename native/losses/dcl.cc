#include "losses/dcl.h"

#include "core/op.h"
#include "losses/contrastive_loss.h"

namespace contrastive::losses {
namespace {

LossOptions decoupled(double temperature, const std::string& anchors, std::optional<double> sigma, double loss_scale,
                      bool normalize, int64_t block) {
  LossOptions options;
  options.temperature = temperature;
  options.anchors = anchors;
  options.denominators = "negatives";
  options.mises_sigma = sigma;
  options.loss_scale = loss_scale;
  options.normalize = normalize;
  options.block = block;
  return options;
}

LossInputs inputs_of(const at::Tensor& features, const OptionalTensor& ids, const OptionalTensor& bank,
                     const OptionalTensor& bank_ids, const OptionalTensor& learned_temperature) {
  return {
      .features = features, .ids = ids, .bank = bank, .bank_ids = bank_ids, .learned_temperature = learned_temperature};
}

}  // namespace

at::Tensor dcl_loss(const at::Tensor& features, const OptionalTensor& ids, const OptionalTensor& bank,
                    const OptionalTensor& bank_ids, const OptionalTensor& learned_temperature, double temperature,
                    const std::string& anchors, double loss_scale, bool normalize, int64_t block) {
  return self_supervised_loss(inputs_of(features, ids, bank, bank_ids, learned_temperature),
                              decoupled(temperature, anchors, std::nullopt, loss_scale, normalize, block));
}

at::Tensor dclw_loss(const at::Tensor& features, const OptionalTensor& ids, const OptionalTensor& bank,
                     const OptionalTensor& bank_ids, const OptionalTensor& learned_temperature, double temperature,
                     const std::string& anchors, double sigma, double loss_scale, bool normalize, bool weight_gradient,
                     int64_t block) {
  LossOptions options = decoupled(temperature, anchors, sigma, loss_scale, normalize, block);
  options.mises_gradient = weight_gradient;
  return self_supervised_loss(inputs_of(features, ids, bank, bank_ids, learned_temperature), options);
}

CONTRASTIVE_OP(dcl_loss,
               "dcl_loss(Tensor features, Tensor? ids=None, Tensor? bank=None, Tensor? bank_ids=None, "
               "Tensor? learned_temperature=None, *, float temperature=0.1, str anchors='all', float loss_scale=1.0, "
               "bool normalize=True, int block=0) -> Tensor");
CONTRASTIVE_OP(dclw_loss,
               "dclw_loss(Tensor features, Tensor? ids=None, Tensor? bank=None, Tensor? bank_ids=None, "
               "Tensor? learned_temperature=None, *, float temperature=0.1, str anchors='all', float sigma=0.5, float "
               "loss_scale=1.0, "
               "bool normalize=True, bool weight_gradient=False, int block=0) -> Tensor");

}  // namespace contrastive::losses
