#include "train/key_queue.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>

#include "core/error.h"

namespace contrastive::train {

KeyQueue::KeyQueue(int64_t size, int64_t dim, at::Device device) {
  CONTRASTIVE_CHECK(size >= 1 && dim >= 1, kOptionError, "a queue needs room for at least one key, got shape [", size,
                    ", ", dim, "]");
  const auto integers = at::TensorOptions(at::kLong).device(device);
  features_ = at::zeros({size, dim}, at::TensorOptions(at::kFloat).device(device));
  labels_ = at::full({size}, -1, integers);
  ids_ = at::full({size}, -1, integers);
  pushed_ = at::zeros({}, at::kLong);
}

void KeyQueue::push(const at::Tensor& keys, const std::optional<at::Tensor>& labels, const at::Tensor& ids) {
  const int64_t batch = keys.dim() == 2 ? keys.size(0) : 0;
  CONTRASTIVE_CHECK(batch >= 1 && batch <= size() && keys.size(1) == features_.size(1), kShapeError,
                    "keys must have shape (1 to ", size(), ", ", features_.size(1), "), got ", keys.sizes());
  for (const auto& [name, values] : {std::pair("labels", labels), std::pair("ids", std::optional(ids))})
    CONTRASTIVE_CHECK(!values || (values->dim() == 1 && values->size(0) == batch), kShapeError, name,
                      " must have shape (batch) = [", batch, "], got ", values->sizes());

  const c10::NoGradGuard no_grad;
  const int64_t begin = pushed_.item<int64_t>() % size();
  const int64_t before_end = std::min(batch, size() - begin);  // the rest goes to the beginning
  const auto write = [&](at::Tensor& target, const at::Tensor& values) {
    target.narrow(0, begin, before_end).copy_(values.narrow(0, 0, before_end));
    target.narrow(0, 0, batch - before_end).copy_(values.narrow(0, before_end, batch - before_end));
  };
  write(features_, keys);
  write(labels_, labels ? *labels : at::full({batch}, -1, labels_.options()));
  write(ids_, ids);
  pushed_.add_(batch);
}

std::optional<KeyQueue::Keys> KeyQueue::keys() const {
  const int64_t count = std::min(pushed_.item<int64_t>(), size());
  if (count == 0) return std::nullopt;
  return Keys{features_.narrow(0, 0, count), labels_.narrow(0, 0, count), ids_.narrow(0, 0, count)};
}

std::vector<NamedTensor> KeyQueue::state() const {
  return {{"features", features_}, {"labels", labels_}, {"ids", ids_}, {"pushed", pushed_}};
}

}  // namespace contrastive::train
