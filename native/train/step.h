// One training step: forward, loss, backward, update; and, where there is a momentum encoder, its own two.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "core/callable.h"
#include "optim/optimizer.h"
#include "train/momentum_encoder.h"
#include "train/update.h"

namespace contrastive::train {

struct StepInput {
  // One tensor a size of view: (views of that size * batch, channels, height, width), view-major: all of its first
  // view, then all of its second, …
  std::vector<at::Tensor> images;
  // For each view of the loss, in order, its place among the views of `images`, counted through all of them.
  std::vector<int64_t> view_order;
  const Callable* loss;  // takes features (batch, views, dim) first; its first result is the loss ()
  // The rest of its arguments. With a momentum encoder, 'bank' and what goes with it is the step's to fill.
  Stack loss_arguments;
  bool metrics;                              // whether metrics are computed
  std::optional<at::Tensor> metrics_labels;  // integer (batch); with a momentum encoder the loss's own serve
  double learning_rate;
  double key_momentum;                     // m of MomentumEncoder::follow, where there is one
  std::optional<at::ScalarType> autocast;  // for the forward pass; the loss computes in float32
};

struct StepOutput {
  double loss;
  // The loss's second result, where it has one: the number of anchors that had a positive.
  std::optional<int64_t> valid_anchors;
  // contrastive_metrics of the features, or query_metrics, from before the update; empty without them.
  std::vector<double> metrics;
  // Null after an update; otherwise the step was undone, and this says what was not finite: "the gradient is".
  const char* refused = nullptr;
};

class TrainStep {
 public:
  // `momentum` may be null. With it there are two views: the first goes through `network`, the second through it. The
  // loss compares them with each other and with the queue, which takes the keys afterwards.
  TrainStep(Network network, std::shared_ptr<optim::Optimizer> optimizer, std::shared_ptr<MomentumEncoder> momentum);

  // Leaves weights, running statistics, the momentum encoder and its queue as they were when it throws, and when
  // something that is not finite would reach them; throws kStateError for every step after such a one: steps that were
  // enqueued behind a NaN must not train on.
  StepOutput run(StepInput input);

 private:
  StepOutput attempt(StepInput input);
  // (batch, views, dim)
  at::Tensor forward(const StepInput& input) const;
  // (batch, 2, dim): a query, with a gradient, and a key; (2 batch, 2, dim) where views are queries in turn.
  at::Tensor forward_pairs(const StepInput& input) const;

  Network network_;
  std::shared_ptr<optim::Optimizer> optimizer_;
  std::shared_ptr<MomentumEncoder> momentum_;
  Update update_;
  bool stopped_ = false;
};

}  // namespace contrastive::train
