// Optimizers over named parameters: an in-place update on the parameters' device, and a state that checkpoints can
// hold.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "core/infinity.h"
#include "tensor/named_tensor.h"

namespace contrastive::optim {

class Optimizer {
 public:
  // Parameters are leaf tensors, updated in place. Throws kOptionError when there is none.
  explicit Optimizer(std::vector<NamedTensor> parameters);
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;
  virtual ~Optimizer() = default;

  // One update with this learning rate from the gradients that are there; a parameter without one is left alone.
  void step(double lr);

  // The same, if every gradient is finite and the parameters and the state stay so. Otherwise both are as before, and
  // the result names what was not, for a message: "the gradient is". Null after a step.
  const char* step_if_finite(double lr);

  void zero_grad();

  // Live handles, named '<parameter>.<slot>' ('layer1.0.conv1.weight.momentum_buffer').
  const std::vector<NamedTensor>& state() const { return state_; }

  // Copies values into the state, after check_state.
  void load_state(const std::vector<NamedTensor>& values);
  // Throws kStateError (a name missing, unknown or there twice) or kShapeError unless `values` fit state(). Looks at
  // names and sizes only.
  void check_state(const std::vector<NamedTensor>& values) const;

  const std::vector<NamedTensor>& parameters() const { return parameters_; }

 protected:
  // The parameters that have a gradient at this step, with it and their slots, ready for ATen's list operations.
  struct Lists {
    std::vector<at::Tensor> parameters, gradients;
    std::vector<std::vector<at::Tensor>> slots;  // by slot, then as parameters

    bool empty() const { return parameters.empty(); }
  };

  // Adds a state tensor to every parameter, in the parameter's layout, or one float32 scalar each.
  void add_slot(const char* name, bool scalar = false);

  // Weights (two dimensions and more) come apart from biases and normalisation scales (one dimension).
  Lists lists(bool weights) const;

  virtual void update(double lr) = 0;

 private:
  std::vector<NamedTensor> parameters_;
  std::vector<NamedTensor> state_;  // slot-major
  size_t slots_ = 0;
  // The largest norm of what the last step_if_finite() left behind; at first nobody knows.
  double largest_kept_ = kInfinity;
};

struct SgdOptions {
  double momentum = 0;
  double weight_decay = 0;
  bool nesterov = false;
  bool exclude_bias_and_norm = false;  // no weight decay for parameters of one dimension
};

struct AdamWOptions {
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 1e-2;
  bool exclude_bias_and_norm = false;
};

struct LarsOptions {
  double momentum = 0.9;
  double weight_decay = 1e-6;
  double trust_coefficient = 0.001;
  bool nesterov = false;
  bool exclude_bias_and_norm = true;  // from decay and from adaptation
};

// As torch.optim.SGD with dampening 0.
std::shared_ptr<Optimizer> make_sgd(std::vector<NamedTensor> parameters, const SgdOptions& options);

// As torch.optim.AdamW. Source: Loshchilov & Hutter 2019, arXiv:1711.05101, algorithm 2.
std::shared_ptr<Optimizer> make_adamw(std::vector<NamedTensor> parameters, const AdamWOptions& options);

// As google-research/simclr's LARSOptimizer (classic momentum). Source: You et al. 2017, arXiv:1708.03888.
std::shared_ptr<Optimizer> make_lars(std::vector<NamedTensor> parameters, const LarsOptions& options);

}  // namespace contrastive::optim
