// Lists of tensors that belong together, one by one.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <vector>

namespace contrastive::optim {

using OptionalTensor = std::optional<at::Tensor>;
using Tensors = std::vector<at::Tensor>;

// Throws kShapeError unless both lists have the same shapes in the same order.
void check_alike(const char* name, const Tensors& tensors, const char* like_name, const Tensors& like);

// Copies each source into its target.
void copy_all(const Tensors& targets, const Tensors& sources);

// The same where `condition`, bool () on their device, holds: in a few launches, whatever their number.
void copy_where(const at::Tensor& condition, const Tensors& targets, const Tensors& sources);

// As PyTorch's zero_grad(set_to_none=True).
void drop_gradients(const Tensors& parameters);

}  // namespace contrastive::optim
