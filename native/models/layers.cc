#include "models/layers.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include <cmath>
#include <optional>
#include <utility>

#include "nn/batch_norm_act.h"

namespace contrastive::models {

namespace {

constexpr double kBatchNormMomentum = 0.1;
constexpr double kBatchNormEpsilon = 1e-5;

std::optional<at::Tensor> optional(const at::Tensor& tensor) {
  return tensor.defined() ? std::optional(tensor) : std::nullopt;
}

}  // namespace

Builder::Builder(ParameterStore& target, uint64_t seed)
    : store(target), generator(at::detail::createCPUGenerator(seed)) {}

Conv2d::Conv2d(Builder& builder, const std::string& name, int64_t in, int64_t out, int64_t kernel, int64_t step)
    : stride(step), padding(kernel / 2) {
  const double deviation = std::sqrt(2.0 / static_cast<double>(out * kernel * kernel));
  // Filled in the plain layout first: the order of the random numbers is then that of the indices.
  at::Tensor value = at::empty({out, in, kernel, kernel}).normal_(0.0, deviation, builder.generator);
  weight = builder.store.parameter(name + ".weight", value.contiguous(at::MemoryFormat::ChannelsLast));
}

at::Tensor Conv2d::operator()(const at::Tensor& x) const {
  return at::conv2d(x, weight, {}, {stride, stride}, {padding, padding});
}

BatchNorm::BatchNorm(Builder& builder, const std::string& name, int64_t features, double scale)
    : weight(builder.store.parameter(name + ".weight", at::full({features}, scale))),
      bias(builder.store.parameter(name + ".bias", at::zeros({features}))),
      running_mean(builder.store.buffer(name + ".running_mean", at::zeros({features}))),
      running_var(builder.store.buffer(name + ".running_var", at::ones({features}))),
      num_batches_tracked(builder.store.buffer(name + ".num_batches_tracked", at::zeros({}, at::kLong))) {}

at::Tensor BatchNorm::operator()(at::Tensor x, bool training, const After& after) const {
  return nn::batch_norm_act(x, weight, bias, running_mean, running_var, num_batches_tracked, optional(after.residual),
                            training, kBatchNormMomentum, kBatchNormEpsilon, after.relu);
}

Linear::Linear(Builder& builder, const std::string& name, int64_t in, int64_t out, bool with_bias) {
  const double bound = 1.0 / std::sqrt(static_cast<double>(in));
  weight = builder.store.parameter(name + ".weight", at::empty({out, in}).uniform_(-bound, bound, builder.generator));
  if (with_bias)
    bias = builder.store.parameter(name + ".bias", at::empty({out}).uniform_(-bound, bound, builder.generator));
}

at::Tensor Linear::operator()(const at::Tensor& x) const { return at::linear(x, weight, optional(bias)); }

}  // namespace contrastive::models
