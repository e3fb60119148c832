// One training step: forward, loss, backward, update.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "core/callable.h"
#include "models/module.h"
#include "optim/optimizer.h"

namespace contrastive::train {

struct StepInput {
  // One tensor a size of view: (views of that size * batch, channels, height, width), view-major: all of its first
  // view, then all of its second, …
  std::vector<at::Tensor> images;
  // For each view of the loss, in order, its place among the views of `images`, counted through all of them.
  std::vector<int64_t> view_order;
  const Callable* loss;  // takes features (batch, views, dim) first; its first result is the loss ()
  Stack loss_arguments;  // the rest of its arguments
  bool metrics;          // whether contrastive_metrics are computed
  std::optional<at::Tensor> metrics_labels;  // integer (batch)
  double learning_rate;
  std::optional<at::ScalarType> autocast;  // for the forward pass; the loss computes in float32
};

struct StepOutput {
  double loss;
  // The loss's second result, where it has one: the number of anchors that had a positive.
  std::optional<int64_t> valid_anchors;
  // contrastive_metrics of the features, from before the update; empty without them.
  std::vector<double> metrics;
};

class TrainStep {
 public:
  // `head` may be null: the loss then sees the encoder's features.
  TrainStep(std::shared_ptr<models::Module> encoder, std::shared_ptr<models::Module> head,
            std::shared_ptr<optim::Optimizer> optimizer);

  // Leaves the weights untouched when the loss is not finite, and throws kStateError for every later step: steps that
  // were enqueued behind a NaN must not train on.
  StepOutput run(StepInput input);

 private:
  // (batch, views, dim)
  at::Tensor forward(const StepInput& input) const;

  std::shared_ptr<models::Module> encoder_, head_;
  std::shared_ptr<optim::Optimizer> optimizer_;
  bool stopped_ = false;
};

}  // namespace contrastive::train
