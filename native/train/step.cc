#include "train/step.h"

#include <ATen/ATen.h>

#include <cmath>

#include "core/error.h"
#include "core/modes.h"

namespace contrastive::train {

TrainStep::TrainStep(std::shared_ptr<models::Module> encoder, std::shared_ptr<models::Module> head,
                     std::shared_ptr<optim::Optimizer> optimizer)
    : encoder_(std::move(encoder)), head_(std::move(head)), optimizer_(std::move(optimizer)) {}

StepOutput TrainStep::run(StepInput input) {
  CONTRASTIVE_CHECK(!stopped_, kStateError, "training stopped at a loss that is not finite");
  CONTRASTIVE_CHECK(input.views >= 1 && input.images.dim() == 4 && input.images.size(0) % input.views == 0, kShapeError,
                    "images must have shape (views * batch, channels, height, width) with views = ", input.views,
                    ", got ", input.images.sizes());
  optimizer_->zero_grad();

  at::Tensor z;
  {
    const ModeGuard guard({.grad = true, .autocast = input.autocast}, input.images.device().type());
    z = encoder_->forward(input.images);  // (V*B, featureDim)
    if (head_) z = head_->forward(z);     // (V*B, dim)
  }
  const int64_t batch = z.size(0) / input.views;
  const at::Tensor features = z.to(at::kFloat).view({input.views, batch, z.size(1)}).transpose(0, 1);  // (B, V, dim)

  Stack stack = std::move(input.loss_arguments);
  stack.insert(stack.begin(), features);
  input.loss->call(stack);
  const at::Tensor loss = stack.at(0).toTensor();

  StepOutput output{.loss = loss.item<double>(), .valid_anchors = std::nullopt};
  if (stack.size() > 1) output.valid_anchors = stack[1].toTensor().item<int64_t>();
  if (!std::isfinite(output.loss)) {
    stopped_ = true;
    return output;
  }
  loss.backward();
  optimizer_->step(input.learning_rate);
  return output;
}

}  // namespace contrastive::train
