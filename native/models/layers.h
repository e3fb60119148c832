// The layers that encoders and heads are built from: handles to named parameters and one ATen call each.
// A layer is created initialised, from an explicit generator: the process-wide one is never touched.
#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>

#include "models/module.h"

namespace contrastive::models {

// Where a layer registers its tensors and takes its random numbers from, in order of construction.
struct Builder {
  Builder(ParameterStore& target, uint64_t seed);

  ParameterStore& store;
  at::Generator generator;
};

// 2-D convolution without bias, square kernel. Weight (out, in, k, k), channels_last, Kaiming normal, fan_out, ReLU
// gain (He et al. 2015, arXiv:1502.01852, eq. 14).
struct Conv2d {
  Conv2d() = default;
  Conv2d(Builder& builder, const std::string& name, int64_t in, int64_t out, int64_t kernel, int64_t step = 1);

  at::Tensor operator()(const at::Tensor& x) const;

  at::Tensor weight;
  int64_t stride = 1;
  int64_t padding = 0;
};

// What follows a normalisation in a network, done in the same passes over memory where that is possible.
struct After {
  bool relu = false;
  at::Tensor residual = {};  // added before ReLU
};

// Batch normalisation over all but dimension 1 (Ioffe & Szegedy 2015), as PyTorch's: momentum 0.1, eps 1e-5, the
// running variance unbiased. Weight starts at `scale`, bias at 0. Under Modes::keep_statistics a pass in training
// leaves the running statistics as they are.
struct BatchNorm {
  BatchNorm() = default;
  BatchNorm(Builder& builder, const std::string& name, int64_t features, double scale = 1.0);

  // x is taken over: without gradients it is overwritten.
  at::Tensor operator()(at::Tensor x, bool training, const After& after = {}) const;

  at::Tensor weight, bias, running_mean, running_var, num_batches_tracked;
};

// y = x Wᵀ + b. Weight (out, in) uniform in ±1/√in, bias likewise: PyTorch's default (kaiming_uniform, a = √5).
struct Linear {
  Linear() = default;
  Linear(Builder& builder, const std::string& name, int64_t in, int64_t out, bool with_bias = true);

  at::Tensor operator()(const at::Tensor& x) const;

  at::Tensor weight, bias;
};

}  // namespace contrastive::models
