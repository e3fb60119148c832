#include <ATen/ATen.h>

#include <utility>

#include "core/error.h"
#include "optim/optimizer.h"

namespace contrastive::optim {

namespace {

class Sgd final : public Optimizer {
 public:
  Sgd(std::vector<NamedTensor> parameters, const SgdOptions& options)
      : Optimizer(std::move(parameters)), options_(options) {
    CONTRASTIVE_CHECK(!options.nesterov || options.momentum > 0, kOptionError, "nesterov needs a momentum above 0");
    if (options.momentum > 0) add_slot("momentum_buffer");
  }

 protected:
  void update(double lr) override {
    for (const bool weights : {true, false}) {
      const Lists l = lists(weights);
      if (l.empty()) continue;
      const double decay = weights || !options_.exclude_bias_and_norm ? options_.weight_decay : 0.0;
      // PyTorch starts the momentum at the first gradient; with dampening 0 that is what a buffer of zeros becomes.
      at::_fused_sgd_(l.parameters, l.gradients, options_.momentum > 0 ? l.slots[0] : std::vector<at::Tensor>(), decay,
                      options_.momentum, lr, /*dampening=*/0.0, options_.nesterov, /*maximize=*/false,
                      /*is_first_step=*/false);
    }
  }

 private:
  SgdOptions options_;
};

}  // namespace

std::shared_ptr<Optimizer> make_sgd(std::vector<NamedTensor> parameters, const SgdOptions& options) {
  return std::make_shared<Sgd>(std::move(parameters), options);
}

}  // namespace contrastive::optim
