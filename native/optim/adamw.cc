#include <ATen/ATen.h>

#include <utility>

#include "optim/optimizer.h"

namespace contrastive::optim {

namespace {

class AdamW final : public Optimizer {
 public:
  AdamW(std::vector<NamedTensor> parameters, const AdamWOptions& options)
      : Optimizer(std::move(parameters)), options_(options) {
    add_slot("exp_avg");
    add_slot("exp_avg_sq");
    add_slot("step", /*scalar=*/true);
  }

 protected:
  void update(double lr) override {
    for (const bool weights : {true, false}) {
      const Lists l = lists(weights);
      if (l.empty()) continue;
      const double decay = weights || !options_.exclude_bias_and_norm ? options_.weight_decay : 0.0;
      at::_foreach_add_(l.slots[2], 1);
      at::_fused_adamw_(l.parameters, l.gradients, l.slots[0], l.slots[1], /*max_exp_avg_sqs=*/{}, l.slots[2], lr,
                        options_.beta1, options_.beta2, decay, options_.epsilon, /*amsgrad=*/false, /*maximize=*/false);
    }
  }

 private:
  AdamWOptions options_;
};

}  // namespace

std::shared_ptr<Optimizer> make_adamw(std::vector<NamedTensor> parameters, const AdamWOptions& options) {
  return std::make_shared<AdamW>(std::move(parameters), options);
}

}  // namespace contrastive::optim
