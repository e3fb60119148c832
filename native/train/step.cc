#include "train/step.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/modes.h"
#include "losses/contrastive_metrics.h"

namespace contrastive::train {

TrainStep::TrainStep(std::shared_ptr<models::Module> encoder, std::shared_ptr<models::Module> head,
                     std::shared_ptr<optim::Optimizer> optimizer)
    : encoder_(std::move(encoder)), head_(std::move(head)), optimizer_(std::move(optimizer)) {}

at::Tensor TrainStep::forward(const StepInput& input) const {
  const auto views = static_cast<int64_t>(input.view_order.size());
  int64_t rows = 0;
  for (const at::Tensor& images : input.images) rows += images.dim() == 4 ? images.size(0) : 0;
  CONTRASTIVE_CHECK(views >= 1 && rows > 0 && rows % views == 0, kShapeError,
                    "images must have shape (views * batch, channels, height, width) with views = ", views,
                    " in all, got ", rows, " rows");

  const ModeGuard guard({.grad = true, .autocast = input.autocast}, input.images.front().device().type());
  std::vector<at::Tensor> of_sizes;
  for (const at::Tensor& images : input.images) of_sizes.push_back(encoder_->forward(images));
  at::Tensor z = of_sizes.size() == 1 ? of_sizes.front() : at::cat(of_sizes);  // (V*B, featureDim), size by size
  if (!std::is_sorted(input.view_order.begin(), input.view_order.end())) {
    const at::Tensor order = at::tensor(input.view_order, z.options().dtype(at::kLong));
    z = z.view({views, rows / views, z.size(1)}).index_select(0, order).view({rows, z.size(1)});
  }
  if (head_) z = head_->forward(z);                                                // (V*B, dim), view by view
  return z.to(at::kFloat).view({views, rows / views, z.size(1)}).transpose(0, 1);  // (B, V, dim)
}

StepOutput TrainStep::run(StepInput input) {
  CONTRASTIVE_CHECK(!stopped_, kStateError, "training stopped at a loss that is not finite");
  optimizer_->zero_grad();
  const at::Tensor features = forward(input);

  Stack stack = std::move(input.loss_arguments);
  stack.insert(stack.begin(), features);
  input.loss->call(stack);
  const at::Tensor loss = stack.at(0).toTensor();

  StepOutput output{.loss = loss.item<double>(), .valid_anchors = std::nullopt, .metrics = {}};
  if (stack.size() > 1) output.valid_anchors = stack[1].toTensor().item<int64_t>();
  if (!std::isfinite(output.loss)) {
    stopped_ = true;
    return output;
  }
  if (input.metrics) {
    const at::Tensor metrics =
        losses::contrastive_metrics(features, input.metrics_labels, /*block=*/0).to(at::kCPU, at::kDouble);
    output.metrics.assign(metrics.const_data_ptr<double>(), metrics.const_data_ptr<double>() + metrics.numel());
  }
  loss.backward();
  optimizer_->step(input.learning_rate);
  return output;
}

}  // namespace contrastive::train
