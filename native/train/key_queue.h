// The newest keys of a momentum encoder: what the queries of the next steps are compared with.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "tensor/named_tensor.h"

namespace contrastive::train {

// First in, first out, in tensors of a fixed size. Source: He et al. 2020, arXiv:1911.05722, section 3.2.
class KeyQueue {
 public:
  // Room for `size` keys of `dim` numbers.
  KeyQueue(int64_t size, int64_t dim, at::Device device);

  // Puts keys in the place of the oldest. keys: float32 (batch ≤ size, dim). labels: integer (batch), or nothing.
  // ids: integer (batch): which samples they are of.
  void push(const at::Tensor& keys, const std::optional<at::Tensor>& labels, const at::Tensor& ids);

  struct Keys {
    at::Tensor features, labels, ids;  // (count, dim), (count), (count); live, not in order of age
  };
  // Those that are there; nothing while there is none.
  std::optional<Keys> keys() const;

  // Live handles, for checkpoints: 'features' float32 (size, dim); 'labels' int64 (size), −1 where there was none;
  // 'ids' int64 (size); 'pushed' int64 () on the CPU: how many keys ever came, so that the next goes to pushed % size.
  std::vector<NamedTensor> state() const;

 private:
  int64_t size() const { return features_.size(0); }

  at::Tensor features_, labels_, ids_, pushed_;
};

}  // namespace contrastive::train
