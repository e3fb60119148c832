#include "optim/lists.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

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

void drop_gradients(const Tensors& parameters) {
  for (const at::Tensor& parameter : parameters) parameter.mutable_grad().reset();
}

}  // namespace contrastive::optim
