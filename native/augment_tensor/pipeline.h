// Pipelines as batched operations on a device. The numbers are drawn on the CPU, as for the augmentation pool, so that
// both ways give the same views: within 2/255, the order of their sums apart.
#pragma once

#include <ATen/core/Tensor.h>

#include <atomic>

#include "augment/batch.h"

namespace contrastive::augment_tensor {

struct TensorJob {
  augment::BatchJob batch;  // its type and layout are those of `dtype`
  at::ScalarType dtype = at::kFloat;
  at::Device device = at::kCPU;
};

// (views x images, channels, height, width), view-major, channels_last, on the device. The caller has called
// batch_shape(). Sources are uploaded as bytes, once for all views; those of about one size lie in one tensor, of which
// each view takes its pixels. Then views of one pipeline go through it together. When `cancel` becomes true:
// kAbortedError.
at::Tensor augment_on_device(const TensorJob& job, const std::atomic<bool>& cancel);

}  // namespace contrastive::augment_tensor
