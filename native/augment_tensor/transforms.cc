#include "augment_tensor/transforms.h"

#include <ATen/ATen.h>

#include <map>

namespace contrastive::augment_tensor {
namespace {

std::map<std::string, Batched>& registry() {
  static std::map<std::string, Batched> known;
  return known;
}

}  // namespace

std::vector<double> Application::reals(int first, int length) const {
  std::vector<double> list;
  for (const augment::Drawn& numbers : drawn)
    for (int i = first; i < first + length; ++i) list.push_back(numbers[i]);
  return list;
}

std::vector<int64_t> Application::integers(int first, int length) const {
  const std::vector<double> list = reals(first, length);
  return {list.begin(), list.end()};
}

at::Tensor Application::column(int index) const { return at::tensor(reals(index), at::kFloat); }

std::vector<int64_t> Application::output_size(const at::Tensor& images) const {
  const augment::Shape shape = transform.output_shape(
      {static_cast<int>(images.size(2)), static_cast<int>(images.size(3)), static_cast<int>(images.size(1))});
  return {shape.height, shape.width};
}

Batched find_batched(const std::string& kind) {
  const auto found = registry().find(kind);
  return found == registry().end() ? nullptr : found->second;
}

BatchedRegistration::BatchedRegistration(const char* kind, Batched batched) { registry()[kind] = batched; }

}  // namespace contrastive::augment_tensor
