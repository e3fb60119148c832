// The end of a training step: its gradients reach the weights, or nothing of the step does.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <vector>

#include "models/module.h"
#include "optim/optimizer.h"

namespace contrastive::train {

// begin() comes before the forward pass, then one of finish() and undo(). A second begin() takes the place of the
// first.
class Update {
 public:
  // `modules` are those whose running statistics the forward pass moves.
  Update(std::vector<std::shared_ptr<models::Module>> modules, std::shared_ptr<optim::Optimizer> optimizer);

  // Notes the running statistics.
  void begin();

  // One step of the optimizer, if all that it would leave behind is finite; otherwise undo(). `others` are tensors that
  // the step would keep besides. Returns what was not finite, for a message: "the gradient is"; null after a step.
  const char* finish(double learning_rate, const std::vector<at::Tensor>& others);

  // Running statistics as they were at begin(), and no gradients.
  void undo();

 private:
  std::vector<at::Tensor> statistics() const;

  std::vector<std::shared_ptr<models::Module>> modules_;
  std::shared_ptr<optim::Optimizer> optimizer_;
  std::vector<at::Tensor> before_;  // in order of statistics(); empty but between begin() and the end
};

}  // namespace contrastive::train
