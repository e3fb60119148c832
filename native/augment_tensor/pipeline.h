// Pipelines as batched operations on a device. The numbers are drawn on the CPU, as for the augmentation pool, so that
// both ways give the same views: within 2/255, the order of their sums apart.
#pragma once

#include <ATen/core/Tensor.h>

#include <atomic>
#include <memory>
#include <vector>

#include "augment/batch.h"
#include "augment_tensor/transforms.h"

namespace contrastive::augment_tensor {

// A pipeline and the options of its transforms.
class TensorPipeline {
 public:
  TensorPipeline(const std::vector<augment::TransformSpec>& specs, int channels);

  const std::shared_ptr<const augment::Pipeline>& pipeline() const { return pipeline_; }
  // 3: gray sources are replicated; 0: the sources' own.
  int channels() const { return channels_; }
  // Whether every transform has a batched form.
  bool complete() const;
  // Transform `index` on images (samples, channels, height, width) with one entry of `drawn` for each.
  at::Tensor apply(size_t index, const at::Tensor& images, const std::vector<augment::Drawn>& drawn) const;

 private:
  std::shared_ptr<const augment::Pipeline> pipeline_;
  std::vector<augment::TransformSpec> specs_;
  std::vector<Batched> batched_;
  int channels_;
};

struct TensorJob {
  augment::BatchJob batch;                                   // its type and layout are those of `dtype`
  std::vector<std::shared_ptr<const TensorPipeline>> views;  // complete; one a view, as in `batch`
  at::ScalarType dtype = at::kFloat;
  at::Device device = at::kCPU;
};

// (views x images, channels, height, width), view-major, channels_last, on the device. The caller has called
// batch_shape(). Sources are uploaded as bytes, once for all views; those of one size (of about one, where a resized
// crop comes first) go through the pipeline together, and come together as soon as their sizes agree. When `cancel`
// becomes true: kAbortedError.
at::Tensor augment_on_device(const TensorJob& job, const std::atomic<bool>& cancel);

}  // namespace contrastive::augment_tensor
