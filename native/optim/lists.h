// Lists of tensors that belong together, one by one.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <utility>
#include <vector>

namespace contrastive::optim {

using OptionalTensor = std::optional<at::Tensor>;
using Tensors = std::vector<at::Tensor>;

// Throws kShapeError unless both lists have the same shapes in the same order.
void check_alike(const char* name, const Tensors& tensors, const char* like_name, const Tensors& like);

// Counts the versions of tensors up, by which autograd, inference and the keeping of statistics know of a change:
// libtorch's operations on lists, and its fused updates, do not on every device.
void note_change(const Tensors& tensors);

// Copies each source into its target.
void copy_all(const Tensors& targets, const Tensors& sources);

// Both lists, cut into pieces of one dtype whose copies take little memory: 4 MiB each, or the largest tensor's.
std::vector<std::pair<Tensors, Tensors>> chunks_of(const Tensors& targets, const Tensors& sources);

// As copy_all where `condition`, bool () on their device, holds: in a few launches a chunk, in the memory of three.
void copy_where(const at::Tensor& condition, const Tensors& targets, const Tensors& sources);

// As PyTorch's zero_grad(set_to_none=True).
void drop_gradients(const Tensors& parameters);

}  // namespace contrastive::optim
