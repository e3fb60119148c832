#include "train/step.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/error.h"
#include "core/modes.h"
#include "losses/contrastive_metrics.h"
#include "losses/query_metrics.h"

namespace contrastive::train {

namespace {

// The rows of all images.
int64_t check_images(const StepInput& input) {
  const auto views = static_cast<int64_t>(input.view_order.size());
  int64_t rows = 0;
  for (const at::Tensor& images : input.images) rows += images.dim() == 4 ? images.size(0) : 0;
  CONTRASTIVE_CHECK(views >= 1 && rows > 0 && rows % views == 0, kShapeError,
                    "images must have shape (views * batch, channels, height, width) with views = ", views,
                    " in all, got ", rows, " rows");
  return rows;
}

// One of two views, (batch, channels, height, width).
at::Tensor view_of_pair(const StepInput& input, size_t view) {
  const int64_t place = input.view_order[view];
  if (input.images.size() > 1) return input.images[place];
  const int64_t batch = input.images.front().size(0) / 2;
  return input.images.front().narrow(0, place * batch, batch);
}

// An argument of a loss by its name.
c10::IValue& argument_of(const Callable& loss, Stack& arguments, const char* name) {
  const auto place = loss.schema().argumentIndexWithName(name);
  CONTRASTIVE_CHECK(place, kOptionError, "beside a momentum encoder, a loss takes ids, bank, bank_ids and normalize; ",
                    loss.schema().name(), " lacks ", name);
  return arguments[*place];
}

// What of a batch goes into the queue beside its keys.
struct Remembered {
  bool normalize;
  std::optional<at::Tensor> labels;
  at::Tensor ids;
};

// Repeats labels and ids in the arguments, too, where each sample has two pairs.
Remembered remembered_of(const Callable& loss, Stack& arguments, bool symmetric) {
  const auto repeated = [&](c10::IValue& argument) {
    if (symmetric) argument = argument.toTensor().repeat({2});
    return argument.toTensor();
  };
  c10::IValue& ids = argument_of(loss, arguments, "ids");
  CONTRASTIVE_CHECK(ids.isTensor(), kOptionError, "a momentum encoder needs the ids of the samples");
  Remembered batch{argument_of(loss, arguments, "normalize").toBool(), std::nullopt, repeated(ids)};
  if (const auto place = loss.schema().argumentIndexWithName("labels"); place && arguments[*place].isTensor())
    batch.labels = repeated(arguments[*place]);
  return batch;
}

// Lets the loss see the queue.
void fill_bank(const Callable& loss, Stack& arguments, const KeyQueue::Keys& keys, bool with_labels) {
  argument_of(loss, arguments, "bank") = keys.features;
  argument_of(loss, arguments, "bank_ids") = keys.ids;
  if (with_labels) argument_of(loss, arguments, "bank_labels") = keys.labels;
}

at::Tensor metrics_of_pairs(const at::Tensor& features, const Remembered& batch,
                            const std::optional<KeyQueue::Keys>& keys) {
  if (!keys) return losses::query_metrics(features, batch.ids, batch.labels, {}, {}, {});
  return losses::query_metrics(features, batch.ids, batch.labels, keys->features, keys->ids, keys->labels);
}

// Those whose running statistics a step moves.
std::vector<std::shared_ptr<models::Module>> modules_of(const Network& network, const MomentumEncoder* momentum) {
  std::vector<std::shared_ptr<models::Module>> modules = network.modules();
  if (momentum)
    for (const auto& module : momentum->keys().modules()) modules.push_back(module);
  return modules;
}

}  // namespace

TrainStep::TrainStep(Network network, std::shared_ptr<optim::Optimizer> optimizer,
                     std::shared_ptr<MomentumEncoder> momentum)
    : network_(std::move(network)),
      optimizer_(std::move(optimizer)),
      momentum_(std::move(momentum)),
      update_(modules_of(network_, momentum_.get()), optimizer_) {}

at::Tensor TrainStep::forward_pairs(const StepInput& input) const {
  check_images(input);
  CONTRASTIVE_CHECK(input.view_order.size() == 2, kShapeError, "a momentum encoder takes two views, got ",
                    input.view_order.size());
  const ModeGuard guard({.grad = true, .autocast = input.autocast}, input.images.front().device().type());
  std::vector<at::Tensor> queries, keys;
  for (size_t view = 0; view < (momentum_->symmetric() ? 2 : 1); ++view) {
    queries.push_back(network_.forward(view_of_pair(input, view)).to(at::kFloat));
    keys.push_back(momentum_->forward(view_of_pair(input, 1 - view), input.autocast));
  }
  return at::stack({at::cat(queries), at::cat(keys)}, 1);
}

at::Tensor TrainStep::forward(const StepInput& input) const {
  const int64_t rows = check_images(input);
  const auto views = static_cast<int64_t>(input.view_order.size());
  const ModeGuard guard({.grad = true, .autocast = input.autocast}, input.images.front().device().type());
  std::vector<at::Tensor> of_sizes;
  of_sizes.reserve(input.images.size());
  for (const at::Tensor& images : input.images) of_sizes.push_back(network_.encoder->forward(images));
  at::Tensor z = of_sizes.size() == 1 ? of_sizes.front() : at::cat(of_sizes);  // (V*B, featureDim), size by size
  if (!std::is_sorted(input.view_order.begin(), input.view_order.end())) {
    const at::Tensor order = at::tensor(input.view_order, z.options().dtype(at::kLong));
    z = z.view({views, rows / views, z.size(1)}).index_select(0, order).view({rows, z.size(1)});
  }
  if (network_.head) z = network_.head->forward(z);                                // (V*B, dim), view by view
  return z.to(at::kFloat).view({views, rows / views, z.size(1)}).transpose(0, 1);  // (B, V, dim)
}

StepOutput TrainStep::run(StepInput input) {
  CONTRASTIVE_CHECK(!stopped_, kStateError, "training stopped at an earlier step");
  update_.begin();
  optimizer_->zero_grad();
  try {
    StepOutput output = attempt(std::move(input));
    stopped_ = output.refused != nullptr;
    return output;
  } catch (...) {
    stopped_ = true;  // what is enqueued behind it was meant to follow it
    update_.undo();
    throw;
  }
}

StepOutput TrainStep::attempt(StepInput input) {
  const at::Tensor features = momentum_ ? forward_pairs(input) : forward(input);

  Stack stack = std::move(input.loss_arguments);
  stack.insert(stack.begin(), features);
  std::optional<Remembered> remembered;
  std::optional<KeyQueue::Keys> keys;
  if (momentum_) {
    remembered = remembered_of(*input.loss, stack, momentum_->symmetric());
    keys = momentum_->queue().keys();
    if (keys) fill_bank(*input.loss, stack, *keys, remembered->labels.has_value());
  }
  input.loss->call(stack);
  const at::Tensor loss = stack.at(0).toTensor();

  StepOutput output{.loss = loss.item<double>(), .valid_anchors = std::nullopt, .metrics = {}};
  if (stack.size() > 1) output.valid_anchors = stack[1].toTensor().item<int64_t>();
  if (!std::isfinite(output.loss)) {
    update_.undo();
    output.refused = "the loss is";
    return output;
  }
  if (input.metrics) {
    const at::Tensor measured = momentum_ ? metrics_of_pairs(features, *remembered, keys)
                                          : losses::contrastive_metrics(features, input.metrics_labels, /*block=*/0);
    const at::Tensor metrics = measured.to(at::kCPU, at::kDouble);
    output.metrics.assign(metrics.const_data_ptr<double>(), metrics.const_data_ptr<double>() + metrics.numel());
  }
  loss.backward();
  output.refused = update_.finish(input.learning_rate, {features.detach()});
  if (momentum_ && !output.refused) {
    momentum_->follow(input.key_momentum);
    momentum_->remember(features.detach().select(1, 1), remembered->normalize, remembered->labels, remembered->ids);
  }
  return output;
}

}  // namespace contrastive::train
