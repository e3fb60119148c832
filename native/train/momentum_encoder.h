// A second encoder that follows the trained one slowly, and the queue of what it made: momentum contrast.
// Source: He et al. 2020, arXiv:1911.05722, algorithm 1.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "models/module.h"
#include "train/key_queue.h"

namespace contrastive::train {

// An encoder and the head behind it, which may be null.
struct Network {
  std::shared_ptr<models::Module> encoder, head;

  // images: (rows, channels, height, width). Returns (rows, dim) in the precision of the autocast mode.
  at::Tensor forward(const at::Tensor& images) const;
  // Those that are there.
  std::vector<std::shared_ptr<models::Module>> modules() const;
  std::vector<at::Tensor> parameters() const;
  // Running statistics, in order.
  std::vector<at::Tensor> buffers() const;
};

struct MomentumOptions {
  int64_t queue_size = 0;
  // Running statistics follow as parameters do, for key modules in evaluation mode (Cai et al. 2021, arXiv:2101.08482).
  bool with_statistics = false;
  bool symmetric = false;  // both views are queries in turn, each with the other as its key
};

class MomentumEncoder {
 public:
  // `keys` has the modules of `queries` once more, and starts as the caller made it. Both are on their device already:
  // in a job. Throws kShapeError for other modules.
  MomentumEncoder(const Network& queries, Network keys, const MomentumOptions& options);

  // Keys of images, float32 (rows, dim), without a gradient. In training mode the batch normalisation of the key
  // network takes the statistics of these images, and moves running statistics of its own.
  at::Tensor forward(const at::Tensor& images, std::optional<at::ScalarType> autocast) const;

  // θ_k ← m θ_k + (1 − m) θ_q, for all tensors at once.
  void follow(double m);

  // Takes keys into the queue, each divided by its length where `normalize`.
  void remember(const at::Tensor& keys, bool normalize, const std::optional<at::Tensor>& labels, const at::Tensor& ids);

  const Network& keys() const { return keys_; }
  const KeyQueue& queue() const { return queue_; }
  bool symmetric() const { return symmetric_; }

 private:
  Network keys_;
  std::vector<at::Tensor> leading_, following_;
  KeyQueue queue_;
  bool symmetric_;
};

}  // namespace contrastive::train
