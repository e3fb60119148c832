#include "optim/lists.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <map>
#include <utility>

#include "core/error.h"

namespace contrastive::optim {

void check_alike(const char* name, const Tensors& tensors, const char* like_name, const Tensors& like) {
  CONTRASTIVE_CHECK(tensors.size() == like.size(), kShapeError, name, " must hold a tensor for each of ", like_name,
                    ", ", like.size(), ", got ", tensors.size());
  for (size_t i = 0; i < like.size(); ++i)
    CONTRASTIVE_CHECK(tensors[i].sizes() == like[i].sizes(), kShapeError, name, "[", i, "] must have the shape of ",
                      like_name, "[", i, "], ", like[i].sizes(), ", got ", tensors[i].sizes());
}

void copy_all(const Tensors& targets, const Tensors& sources) {
  const c10::NoGradGuard no_grad;
  if (!targets.empty()) at::_foreach_copy_(targets, sources);  // which refuses empty lists
}

void copy_where(const at::Tensor& condition, const Tensors& targets, const Tensors& sources) {
  const c10::NoGradGuard no_grad;
  std::map<at::ScalarType, std::pair<Tensors, Tensors>> by_dtype;
  for (size_t i = 0; i < targets.size(); ++i) {
    auto& [to, from] = by_dtype[targets[i].scalar_type()];
    to.push_back(targets[i]);
    from.push_back(sources[i]);
  }
  for (const auto& [dtype, lists] : by_dtype) {
    const auto& [to, from] = lists;
    const auto flat = [](const Tensors& tensors) {
      Tensors rows;
      for (const at::Tensor& tensor : tensors) rows.push_back(tensor.reshape({-1}));
      return at::cat(rows);
    };
    const at::Tensor chosen = at::where(condition, flat(from), flat(to));
    Tensors parts;
    int64_t begin = 0;
    for (const at::Tensor& tensor : to) {
      parts.push_back(chosen.narrow(0, begin, tensor.numel()).view(tensor.sizes()));
      begin += tensor.numel();
    }
    at::_foreach_copy_(to, parts);
  }
}

void drop_gradients(const Tensors& parameters) {
  for (const at::Tensor& parameter : parameters) parameter.mutable_grad().reset();
}

}  // namespace contrastive::optim
