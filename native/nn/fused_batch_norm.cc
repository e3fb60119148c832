#include "nn/fused_batch_norm.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <vector>

#include "core/error.h"
#include "nn/batch_norm_kernels.h"
#include "nn/moments.h"

namespace contrastive::nn {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Variable;
using torch::autograd::variable_list;

// A channels_last tensor as the kernels see it, cut into blocks of rows. The blocks, not the threads, decide the order
// of summation: results do not depend on the number of threads.
struct Blocks {
  explicit Blocks(const at::Tensor& x)
      : channels(x.size(1)),
        lanes(std::lcm(channels, kLanes)),
        rows(x.numel() / lanes),
        element(x.scalar_type() == at::kFloat ? Element::kFloat32 : Element::kBFloat16),
        stride(lanes * x.element_size()),
        height(std::max<int64_t>(64, 16384 / lanes)),
        count((rows + height - 1) / height) {}

  // body(matrix, byte offset of the block, index of the block)
  template <typename Body>
  void for_each(Body body) const {
    at::parallel_for(0, count, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i)
        body(Matrix{element, std::min(height, rows - i * height), lanes}, i * height * stride, i);
    });
  }

  // The sums of all blocks for each channel; two numbers a lane in, two a channel out.
  std::vector<double> reduce(const std::vector<float>& partial) const {
    std::vector<double> totals(2 * channels);
    at::parallel_for(0, 2, 1, [&](int64_t begin, int64_t end) {
      for (int64_t half = begin; half < end; ++half)
        for (int64_t i = 0; i < count; ++i)
          for (int64_t lane = 0; lane < lanes; ++lane)
            totals[half * channels + lane % channels] += partial[(2 * i + half) * lanes + lane];
    });
    return totals;
  }

  int64_t channels, lanes, rows;
  Element element;
  int64_t stride, height, count;
};

// Arrays of one float a lane.
class Lanes {
 public:
  explicit Lanes(const Blocks& blocks) : blocks_(blocks) {}

  // value(channel), repeated.
  template <typename Value>
  const float* add(Value value) {
    std::vector<float>& array = arrays_.emplace_back(blocks_.lanes);
    for (int64_t lane = 0; lane < blocks_.lanes; ++lane) array[lane] = value(lane % blocks_.channels);
    return array.data();
  }

 private:
  const Blocks& blocks_;
  std::vector<std::vector<float>> arrays_;
};

const char* bytes(const at::Tensor& tensor) { return static_cast<const char*>(tensor.const_data_ptr()); }
char* mutable_bytes(const at::Tensor& tensor) { return static_cast<char*>(tensor.mutable_data_ptr()); }

struct Statistics {
  at::Tensor mean, inverse_deviation;  // float32 (channels)
  double count = 0;                    // of values a channel, over all ranks
};

// Of the batch; moves the running statistics.
Statistics measure(const at::Tensor& x, const Blocks& blocks, const BatchNormState& state) {
  const BatchNormKernels& kernels = batch_norm_kernels();
  // Sums about the first pixel's values: with sums about 0, a mean far from 0 would swallow the variance.
  const at::Tensor origin = x.select(3, 0).select(2, 0).select(0, 0).to(at::kFloat).contiguous();
  const float* shift_of = origin.const_data_ptr<float>();
  Lanes lanes(blocks);
  const float* shift = lanes.add([&](int64_t c) { return shift_of[c]; });
  std::vector<float> partial(2 * blocks.lanes * blocks.count);
  const char* in = bytes(x);
  blocks.for_each([&](Matrix m, int64_t offset, int64_t i) {
    kernels.statistics(m, in + offset, shift, &partial[2 * blocks.lanes * i]);
  });
  const std::vector<double> sums = blocks.reduce(partial);

  Moments moments{at::empty({2 * blocks.channels + 1}, at::kDouble)};
  auto* own = moments.values.mutable_data_ptr<double>();
  *own = static_cast<double>(x.numel() / blocks.channels);
  for (int64_t c = 0; c < blocks.channels; ++c) {
    const double about = sums[c] / *own;
    const double squares = sums[blocks.channels + c] - *own * about * about;
    own[1 + c] = shift_of[c] + about;
    own[1 + blocks.channels + c] = squares < 0 ? 0 : squares;  // a NaN stays one
  }
  if (state.over_all_ranks) moments = over_all_ranks(moments);
  const auto* all = moments.values.const_data_ptr<double>();
  const double n = *all;
  Statistics result{at::empty({blocks.channels}), at::empty({blocks.channels}), n};
  auto* mean = result.mean.mutable_data_ptr<float>();
  auto* inverse = result.inverse_deviation.mutable_data_ptr<float>();
  const bool moves = state.running_mean.defined();
  auto* running_mean = moves ? state.running_mean.mutable_data_ptr<float>() : nullptr;
  auto* running_var = moves ? state.running_var.mutable_data_ptr<float>() : nullptr;
  for (int64_t c = 0; c < blocks.channels; ++c) {
    const double variance = all[1 + blocks.channels + c] / n, center = all[1 + c];
    mean[c] = static_cast<float>(center);
    inverse[c] = static_cast<float>(1.0 / std::sqrt(variance + state.epsilon));
    if (!moves) continue;
    running_mean[c] += static_cast<float>(state.momentum * (center - running_mean[c]));
    running_var[c] += static_cast<float>(state.momentum * (variance * n / (n - 1) - running_var[c]));
  }
  return result;
}

LaneParameters forward_parameters(Lanes& lanes, const at::Tensor& weight, const at::Tensor& bias, const Statistics& s) {
  const float *w = weight.const_data_ptr<float>(), *b = bias.const_data_ptr<float>();
  const float *mean = s.mean.const_data_ptr<float>(), *inverse = s.inverse_deviation.const_data_ptr<float>();
  return {.mean = lanes.add([=](int64_t c) { return mean[c]; }),
          .scale = lanes.add([=](int64_t c) { return w[c] * inverse[c]; }),
          .offset = lanes.add([=](int64_t c) { return b[c] - mean[c] * (w[c] * inverse[c]); }),
          .slope = nullptr,
          .constant = nullptr};
}

// y = act(scale x + offset + residual); y may be x.
void normalize(const Blocks& blocks, const at::Tensor& x, const at::Tensor& residual, Activation act,
               const LaneParameters& p, const at::Tensor& y) {
  const char *in = bytes(x), *more = residual.defined() ? bytes(residual) : nullptr;
  char* out = mutable_bytes(y);
  blocks.for_each([&](Matrix m, int64_t offset, int64_t) {
    batch_norm_kernels().normalize(m, in + offset, more ? more + offset : nullptr, act, p, out + offset);
  });
}

struct FusedBatchNorm : torch::autograd::Function<FusedBatchNorm> {
  static Variable forward(AutogradContext* context, const Variable& x, const std::optional<Variable>& residual,
                          const Variable& weight, const Variable& bias, Activation act, const BatchNormState& state) {
    const Blocks blocks(x);
    const Statistics statistics = measure(x, blocks, state);
    Lanes lanes(blocks);
    const LaneParameters p = forward_parameters(lanes, weight, bias, statistics);
    const at::Tensor y = at::empty_like(x);
    normalize(blocks, x, residual.value_or(at::Tensor()), act, p, y);

    // With a residual, only the output says where ReLU was active.
    context->saved_data["activation"] = static_cast<int64_t>(act);
    context->saved_data["residual"] = residual.has_value();
    context->saved_data["over_all_ranks"] = state.over_all_ranks;
    context->saved_data["count"] = statistics.count;
    context->save_for_backward({x, act == Activation::kRelu && residual ? y : Variable(), weight, bias, statistics.mean,
                                statistics.inverse_deviation});
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    CONTRASTIVE_CHECK(!c10::GradMode::is_enabled(), kAutogradError,
                      "batch normalisation in training has no second derivative here");
    const variable_list saved = context->get_saved_variables();
    const Variable &x = saved[0], &y = saved[1], &weight = saved[2], &bias = saved[3];
    const Statistics statistics{saved[4], saved[5]};
    const auto act = static_cast<Activation>(context->saved_data["activation"].toInt());
    const bool residual = context->saved_data["residual"].toBool();
    const at::Tensor dy = gradients[0].to(x.scalar_type()).contiguous(at::MemoryFormat::ChannelsLast);

    const Blocks blocks(x);
    Lanes lanes(blocks);
    LaneParameters p = forward_parameters(lanes, weight, bias, statistics);
    const at::Tensor masked = y.defined() ? at::empty_like(dy) : at::Tensor();
    std::vector<double> sums = gradient_sums(blocks, x, dy, y, act, p, masked);

    // A rank's part of the gradients of weight and bias is of its own rows; that of x depends on all.
    at::Tensor all = at::from_blob(sums.data(), {2 * blocks.channels}, at::kDouble);
    if (context->saved_data["over_all_ranks"].toBool()) all = sum_over_all_ranks(all);
    const double n = context->saved_data["count"].toDouble();
    const double *total = all.const_data_ptr<double>(), *products = total + blocks.channels;
    const auto* inverse = statistics.inverse_deviation.const_data_ptr<float>();
    const auto* w = weight.const_data_ptr<float>();
    p.slope = lanes.add([=](int64_t c) { return -w[c] * inverse[c] * inverse[c] * inverse[c] * products[c] / n; });
    p.constant = lanes.add([=](int64_t c) { return -w[c] * inverse[c] * total[c] / n; });
    const at::Tensor& g = masked.defined() ? masked : dy;
    const at::Tensor dx = at::empty_like(x);
    const char *in = bytes(x), *gradient = bytes(g);
    char* out = mutable_bytes(dx);
    blocks.for_each([&](Matrix m, int64_t offset, int64_t) {
      batch_norm_kernels().input_gradient(m, in + offset, gradient + offset, masked.defined() ? Activation::kNone : act,
                                          p, out + offset);
    });

    at::Tensor dweight = at::empty_like(weight), dbias = at::empty_like(bias);
    for (int64_t c = 0; c < blocks.channels; ++c) {
      dweight.mutable_data_ptr<float>()[c] = static_cast<float>(sums[blocks.channels + c] * inverse[c]);
      dbias.mutable_data_ptr<float>()[c] = static_cast<float>(sums[c]);
    }
    return {dx, residual ? g : Variable(), dweight, dbias, Variable(), Variable()};
  }

 private:
  static std::vector<double> gradient_sums(const Blocks& blocks, const at::Tensor& x, const at::Tensor& dy,
                                           const at::Tensor& y, Activation act, const LaneParameters& p,
                                           const at::Tensor& masked) {
    std::vector<float> partial(2 * blocks.lanes * blocks.count);
    const char *in = bytes(x), *gradient = bytes(dy), *output = y.defined() ? bytes(y) : nullptr;
    char* g = masked.defined() ? mutable_bytes(masked) : nullptr;
    blocks.for_each([&](Matrix m, int64_t offset, int64_t i) {
      batch_norm_kernels().gradient_sums(m, in + offset, gradient + offset, output ? output + offset : nullptr, act, p,
                                         g ? g + offset : nullptr, &partial[2 * blocks.lanes * i]);
    });
    return blocks.reduce(partial);
  }
};

bool has_layout(const at::Tensor& tensor) {
  return tensor.device().is_cpu() && tensor.dim() == 4 && tensor.is_contiguous(at::MemoryFormat::ChannelsLast) &&
         (tensor.scalar_type() == at::kFloat || tensor.scalar_type() == at::kBFloat16);
}

}  // namespace

bool can_fuse_batch_norm(const at::Tensor& x, const at::Tensor& residual, Activation act, const BatchNormState& state) {
  if (!has_layout(x) || x.numel() % std::lcm(x.size(1), kLanes) != 0) return false;
  if (!state.weight.defined() || !state.bias.defined() || state.weight.scalar_type() != at::kFloat) return false;
  if (!residual.defined()) return true;
  if (act != Activation::kNone && act != Activation::kRelu) return false;
  return has_layout(residual) && residual.sizes() == x.sizes() && residual.scalar_type() == x.scalar_type();
}

at::Tensor fused_batch_norm(const at::Tensor& x, const at::Tensor& residual, Activation act,
                            const BatchNormState& state) {
  const std::optional<at::Tensor> added = residual.defined() ? std::optional(residual) : std::nullopt;
  return FusedBatchNorm::apply(x, added, state.weight, state.bias, act, state);
}

void evaluate_batch_norm(const at::Tensor& x, const at::Tensor& residual, Activation act, const BatchNormState& state,
                         const at::Tensor& y) {
  const Blocks blocks(x);
  Lanes lanes(blocks);
  const Statistics running{state.running_mean, (state.running_var + state.epsilon).rsqrt_()};
  normalize(blocks, x, residual, act, forward_parameters(lanes, state.weight, state.bias, running), y);
}

}  // namespace contrastive::nn
