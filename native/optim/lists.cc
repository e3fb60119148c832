#include "optim/lists.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
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

void note_change(const Tensors& tensors) {
  for (const at::Tensor& tensor : tensors) tensor.unsafeGetTensorImpl()->bump_version();
}

void copy_all(const Tensors& targets, const Tensors& sources) {
  const c10::NoGradGuard no_grad;
  if (targets.empty()) return;  // which libtorch refuses
  at::_foreach_copy_(targets, sources);
  note_change(targets);
}

std::vector<std::pair<Tensors, Tensors>> chunks_of(const Tensors& targets, const Tensors& sources) {
  constexpr size_t kChunk = size_t{4} << 20;  // bytes
  size_t limit = kChunk;
  for (const at::Tensor& tensor : targets) limit = std::max(limit, tensor.nbytes());
  std::vector<std::pair<Tensors, Tensors>> chunks;
  std::map<at::ScalarType, std::pair<size_t, size_t>> open;  // of each dtype, its last chunk and the bytes there
  for (size_t i = 0; i < targets.size(); ++i) {
    const auto [place, is_new] = open.try_emplace(targets[i].scalar_type());
    auto& [chunk, bytes] = place->second;
    if (is_new || bytes + targets[i].nbytes() > limit) {
      chunk = chunks.size();
      bytes = 0;
      chunks.emplace_back();
    }
    bytes += targets[i].nbytes();
    chunks[chunk].first.push_back(targets[i]);
    chunks[chunk].second.push_back(sources[i]);
  }
  return chunks;
}

void copy_where(const at::Tensor& condition, const Tensors& targets, const Tensors& sources) {
  const c10::NoGradGuard no_grad;
  for (const auto& [to, from] : chunks_of(targets, sources)) {
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
    note_change(to);
  }
}

void drop_gradients(const Tensors& parameters) {
  for (const at::Tensor& parameter : parameters) parameter.mutable_grad().reset();
}

}  // namespace contrastive::optim
