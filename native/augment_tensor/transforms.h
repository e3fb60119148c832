// The transforms of a pipeline as batched operations on tensors: the numbers that each sample drew, applied to the
// whole batch at once, on whatever device it lies. A transform registers under its kind:
//
//   CONTRASTIVE_BATCHED("solarize", solarize);
#pragma once

#include <ATen/core/Tensor.h>

#include <span>
#include <string>
#include <vector>

#include "augment/transform.h"

namespace contrastive::augment_tensor {

// What a transform does to a batch: its options, and the numbers of each sample.
struct Application {
  const augment::Transform& transform;
  const augment::TransformSpec& spec;
  std::span<const augment::Drawn> drawn;

  // Drawn numbers [first, first + length) of all samples, one after the other.
  std::vector<double> reals(int first, int length = 1) const;
  std::vector<int64_t> integers(int first, int length = 1) const;
  // One drawn number as (samples), on the CPU, where operations read it without waiting for a device.
  at::Tensor column(int index) const;
  // [height, width] of what the transform makes of such images.
  std::vector<int64_t> output_size(const at::Tensor& images) const;
};

// (samples, channels, height, width) in float32; every sample has drawn that the transform applies.
using Batched = at::Tensor (*)(const at::Tensor& images, const Application& application);

// Null where there is none: such a pipeline runs on the augmentation pool.
Batched find_batched(const std::string& kind);

struct BatchedRegistration {
  BatchedRegistration(const char* kind, Batched batched);
};

}  // namespace contrastive::augment_tensor

#define CONTRASTIVE_BATCHED(kind, function) \
  static const ::contrastive::augment_tensor::BatchedRegistration register_##function(kind, &(function))
