#include "train/update.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <utility>

#include "tensor/finite.h"

namespace contrastive::train {

Update::Update(std::vector<std::shared_ptr<models::Module>> modules, std::shared_ptr<optim::Optimizer> optimizer)
    : modules_(std::move(modules)), optimizer_(std::move(optimizer)) {}

std::vector<at::Tensor> Update::statistics() const {
  std::vector<at::Tensor> all;
  for (const auto& module : modules_)
    for (const NamedTensor& buffer : module->buffers()) all.push_back(buffer.tensor);
  return all;
}

void Update::begin() {
  before_.clear();
  for (const at::Tensor& value : statistics()) before_.push_back(value.clone());
}

const char* Update::finish(double learning_rate, const std::vector<at::Tensor>& others) {
  std::vector<at::Tensor> kept = others;
  for (const at::Tensor& value : statistics())
    if (value.is_floating_point()) kept.push_back(value);
  const char* refused = tensor::all_finite(kept) ? optimizer_->step_if_finite(learning_rate)
                                                 : "the features or the running statistics are";
  if (refused) undo();
  before_.clear();
  return refused;
}

void Update::undo() {
  const c10::NoGradGuard no_grad;
  optimizer_->zero_grad();
  const std::vector<at::Tensor> now = statistics();
  for (size_t i = 0; i < before_.size(); ++i) now[i].copy_(before_[i]);
  before_.clear();
}

}  // namespace contrastive::train
