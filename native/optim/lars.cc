#include <ATen/ATen.h>

#include <utility>

#include "optim/optimizer.h"

namespace contrastive::optim {

namespace {

// g <- g + decay w;  trust = coefficient |w| / |g|, 1 where a norm is 0;  v <- momentum v + lr trust g;  w <- w - v.
// Nesterov: w <- w - (momentum v + lr trust g). The learning rate is inside the buffer, unlike PyTorch's SGD.
class Lars final : public Optimizer {
 public:
  Lars(std::vector<NamedTensor> parameters, const LarsOptions& options)
      : Optimizer(std::move(parameters)), options_(options) {
    add_slot("momentum_buffer");
  }

 protected:
  void update(double lr) override {
    for (const bool weights : {true, false}) {
      const Lists l = lists(weights);
      if (l.empty()) continue;
      const bool adapted = weights || !options_.exclude_bias_and_norm;
      const std::vector<at::Tensor> gradients =
          adapted ? at::_foreach_add(l.gradients, l.parameters, options_.weight_decay) : l.gradients;
      std::vector<at::Tensor> updates = at::_foreach_mul(gradients, lr);
      if (adapted) at::_foreach_mul_(updates, trust_ratios(l.parameters, gradients));

      const std::vector<at::Tensor>& velocity = l.slots[0];
      at::_foreach_mul_(velocity, options_.momentum);
      at::_foreach_add_(velocity, updates);
      if (options_.nesterov) at::_foreach_add_(updates, velocity, options_.momentum);
      at::_foreach_sub_(l.parameters, options_.nesterov ? updates : velocity);
    }
  }

 private:
  std::vector<at::Tensor> trust_ratios(at::TensorList parameters, at::TensorList gradients) const {
    std::vector<at::Tensor> ratios = at::_foreach_norm(parameters, 2);
    const std::vector<at::Tensor> norms = at::_foreach_norm(gradients, 2);
    for (size_t i = 0; i < ratios.size(); ++i) {
      const at::Tensor usable = ratios[i].gt(0).logical_and_(norms[i].gt(0));
      ratios[i] = at::where(usable, ratios[i] / norms[i] * options_.trust_coefficient, 1.0);
    }
    return ratios;
  }

  LarsOptions options_;
};

}  // namespace

std::shared_ptr<Optimizer> make_lars(std::vector<NamedTensor> parameters, const LarsOptions& options) {
  return std::make_shared<Lars>(std::move(parameters), options);
}

}  // namespace contrastive::optim
