#include "evaluate/linear_probe.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <c10/core/impl/LocalDispatchKeySet.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "core/error.h"
#include "core/op.h"
#include "core/stream.h"
#include "evaluate/checks.h"

namespace contrastive::evaluate {
namespace {

constexpr double kMomentum = 0.9;
constexpr double kPi = 3.14159265358979323846;

// (x − mean) / deviation with a column of ones, so that the bias is one more weight.
struct Standardizer {
  at::Tensor mean, deviation;  // (dim)

  explicit Standardizer(const at::Tensor& train) : mean(train.mean(0)), deviation(train.std(0, /*unbiased=*/false)) {
    // A feature that never changes says nothing; dividing by its rounding noise would.
    const at::Tensor constant = deviation <= 1e-6 * mean.abs() + 1e-12;
    deviation = at::where(constant, at::ones_like(deviation), deviation);
  }

  at::Tensor operator()(const at::Tensor& x) const {
    return at::cat({(x - mean) / deviation, at::ones({x.size(0), 1}, x.options())}, 1);
  }
};

// Steps of fewer multiplications than this are over before a second thread has joined in: with two, on a busy machine,
// they took ten times the processor time.
constexpr int64_t kParallelWork = int64_t{1} << 24;

// While it lives, this thread computes alone.
class TeamOfOne {
 public:
  TeamOfOne() : size_(at::get_num_threads()) { set_team_size(1); }
  ~TeamOfOne() { set_team_size(size_); }
  TeamOfOne(const TeamOfOne&) = delete;
  TeamOfOne& operator=(const TeamOfOne&) = delete;

 private:
  int size_;
};

}  // namespace

std::tuple<at::Tensor, at::Tensor, at::Tensor> linear_probe(const at::Tensor& train, const at::Tensor& train_labels,
                                                            const at::Tensor& test, const at::Tensor& learning_rates,
                                                            int64_t classes, int64_t epochs, int64_t batch,
                                                            int64_t seed) {
  const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
  const at::NoGradGuard no_grad;
  check_pair("train", train, "test", test);
  CONTRASTIVE_CHECK(learning_rates.dim() == 1 && learning_rates.numel() > 0, kShapeError,
                    "learning_rates must have shape (rates), got ", learning_rates.sizes());
  CONTRASTIVE_CHECK(epochs >= 1 && batch >= 1, kOptionError, "epochs and batch must be >= 1, got ", epochs, " and ",
                    batch);
  const at::Tensor labels = checked_labels("train_labels", train_labels, train, classes);
  const int64_t count = train.size(0), dim = train.size(1), rates = learning_rates.size(0);
  const auto options = train.options().dtype(at::kFloat).requires_grad(false);
  if (train.is_meta())
    return {at::empty({rates, classes, dim}, options), at::empty({rates, classes}, options),
            at::empty({rates, test.size(0)}, options.dtype(at::kLong))};

  const at::Tensor features = train.to(at::kFloat);
  const Standardizer standardize(features);
  const at::Tensor x = standardize(features);  // (n, dim + 1)
  const at::Tensor targets = at::zeros({count, 1, classes}, options).scatter_(2, labels.view({count, 1, 1}), 1);
  // One row of rates for the weights of each class: (L * classes, 1).
  const at::Tensor rate_of_row = learning_rates.to(options).repeat_interleave(classes).unsqueeze(1);
  at::Tensor weights = at::zeros({rates * classes, dim + 1}, options), velocity = at::zeros_like(weights);

  auto generator = at::detail::createCPUGenerator(static_cast<uint64_t>(seed));
  batch = std::min(batch, count);
  std::optional<TeamOfOne> alone;
  if (batch * (dim + 1) * rates * classes < kParallelWork) alone.emplace();
  const int64_t steps_per_epoch = (count + batch - 1) / batch, steps = epochs * steps_per_epoch;
  for (int64_t step = 0, epoch = 0; epoch < epochs; ++epoch) {
    const at::Tensor order = at::randperm(count, generator, at::TensorOptions().dtype(at::kLong)).to(x.device());
    for (int64_t begin = 0; begin < count; begin += batch, ++step) {
      const int64_t size = std::min(batch, count - begin);
      const at::Tensor chosen = order.narrow(0, begin, size);
      const at::Tensor inputs = x.index_select(0, chosen);
      // ∂ mean cross entropy / ∂ logits = (softmax − one-hot) / size
      at::Tensor error = at::softmax(inputs.mm(weights.t()).view({size, rates, classes}), /*dim=*/2)
                             .sub_(targets.index_select(0, chosen))
                             .view({size, rates * classes});
      const at::Tensor gradient = error.t().mm(inputs).div_(size);
      velocity.mul_(kMomentum).add_(gradient);
      const double cosine = 0.5 * (1 + std::cos(kPi * static_cast<double>(step) / static_cast<double>(steps)));
      weights.addcmul_(velocity, rate_of_row, -cosine);
    }
  }

  const at::Tensor logits = standardize(test.to(at::kFloat)).mm(weights.t()).view({test.size(0), rates, classes});
  weights = weights.view({rates, classes, dim + 1});
  const at::Tensor raw = weights.narrow(2, 0, dim) / standardize.deviation;
  const at::Tensor biases = weights.select(2, dim) - raw.matmul(standardize.mean);
  return {raw, biases, logits.argmax(2).t().contiguous()};
}

CONTRASTIVE_OP(linear_probe,
               "linear_probe(Tensor train, Tensor train_labels, Tensor test, Tensor learning_rates, *, int classes, "
               "int epochs=100, int batch=256, int seed=0) -> (Tensor weights, Tensor biases, Tensor predictions)");

}  // namespace contrastive::evaluate
