#include "train/momentum_encoder.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <utility>

#include "core/error.h"
#include "core/modes.h"

namespace contrastive::train {

at::Tensor Network::forward(const at::Tensor& images) const {
  const at::Tensor features = encoder->forward(images);
  return head ? head->forward(features) : features;
}

std::vector<std::shared_ptr<models::Module>> Network::modules() const {
  return head ? std::vector{encoder, head} : std::vector{encoder};
}

std::vector<at::Tensor> Network::parameters() const {
  std::vector<at::Tensor> all;
  for (const auto& module : modules())
    for (const NamedTensor& parameter : module->parameters()) all.push_back(parameter.tensor);
  return all;
}

std::vector<at::Tensor> Network::buffers() const {
  std::vector<at::Tensor> all;
  for (const auto& module : modules())
    for (const NamedTensor& buffer : module->buffers()) all.push_back(buffer.tensor);
  return all;
}

namespace {

// What follows: parameters and, where asked for, the running statistics but for the counts of batches.
std::vector<at::Tensor> state_of(const Network& network, bool with_statistics) {
  std::vector<at::Tensor> all = network.parameters();
  if (with_statistics)
    for (const at::Tensor& buffer : network.buffers())
      if (at::isFloatingType(buffer.scalar_type())) all.push_back(buffer);
  return all;
}

}  // namespace

MomentumEncoder::MomentumEncoder(const Network& queries, Network keys, const MomentumOptions& options)
    : keys_(std::move(keys)),
      leading_(state_of(queries, options.with_statistics)),
      following_(state_of(keys_, options.with_statistics)),
      queue_(options.queue_size, (keys_.head ? keys_.head : keys_.encoder)->feature_dim(), following_.front().device()),
      symmetric_(options.symmetric) {
  CONTRASTIVE_CHECK(leading_.size() == following_.size(), kShapeError,
                    "a momentum encoder must have the tensors of the encoder, ", leading_.size(), ", got ",
                    following_.size());
  for (size_t i = 0; i < following_.size(); ++i)
    CONTRASTIVE_CHECK(leading_[i].sizes() == following_[i].sizes(), kShapeError, "tensor ", i,
                      " of the momentum encoder must have shape ", leading_[i].sizes(), ", got ",
                      following_[i].sizes());
}

at::Tensor MomentumEncoder::forward(const at::Tensor& images, std::optional<at::ScalarType> autocast) const {
  const ModeGuard guard({.grad = false, .autocast = autocast}, images.device().type());
  return keys_.forward(images).to(at::kFloat);
}

void MomentumEncoder::follow(double m) {
  const c10::NoGradGuard no_grad;
  at::_foreach_lerp_(following_, leading_, 1 - m);
}

void MomentumEncoder::remember(const at::Tensor& keys, bool normalize, const std::optional<at::Tensor>& labels,
                               const at::Tensor& ids) {
  const c10::NoGradGuard no_grad;
  at::Tensor made = keys;
  if (normalize) {
    at::Tensor norms = at::linalg_vector_norm(keys, 2, at::IntArrayRef{1}, /*keepdim=*/true);
    made = keys / norms.masked_fill_(norms.eq(0), 1);  // a key of zeros stays one, as in the losses
  }
  queue_.push(made, labels, ids);
}

}  // namespace contrastive::train
