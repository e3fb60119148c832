#include "augment_tensor/operations.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <map>

#include "augment_tensor/images.h"

namespace contrastive::augment_tensor {
namespace {

// All of one kind.
at::Tensor apply_alike(const at::Tensor& images, const std::vector<augment::Operation>& operations) {
  return std::visit(
      [&]<typename Operation>(const Operation&) {
        std::vector<Operation> each;
        each.reserve(operations.size());
        for (const augment::Operation& operation : operations) each.push_back(std::get<Operation>(operation));
        return apply_each(images, Each<Operation>(each));
      },
      operations[0]);
}

}  // namespace

at::Tensor apply_plans(const at::Tensor& images, const std::vector<augment::Plan>& plans) {
  size_t steps = 0;
  for (const augment::Plan& plan : plans) steps = std::max(steps, plan.size());
  at::Tensor result = images;
  for (size_t step = 0; step < steps; ++step) {
    std::map<size_t, std::vector<int64_t>> takers;  // by kind of operation
    for (size_t i = 0; i < plans.size(); ++i)
      if (step < plans[i].size()) takers[plans[i][step].index()].push_back(static_cast<int64_t>(i));
    for (const auto& [kind, samples] : takers) {
      std::vector<augment::Operation> operations;
      operations.reserve(samples.size());
      for (const int64_t sample : samples) operations.push_back(plans[sample][step]);
      if (samples.size() == plans.size()) {
        result = apply_alike(result, operations);
        continue;
      }
      // In place, so that nothing of the others is copied, but not in the images of the caller.
      if (result.is_alias_of(images)) result = result.clone();
      const at::Tensor index = send(at::tensor(samples, at::kLong), result.device());
      result.index_copy_(0, index, apply_alike(result.index_select(0, index), operations));
    }
  }
  return result;
}

}  // namespace contrastive::augment_tensor
