#include "augment_tensor/operations.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "augment_tensor/images.h"

namespace contrastive::augment_tensor {
namespace {

// Operations of one kind are taken together: its place among the alternatives, with all that mix gray in as one.
size_t kind_of(const augment::Operation& operation) {
  return as_gray_mix(operation) ? std::variant_size_v<augment::Operation> : operation.index();
}

// Of the plans that have not come to their ends, what their next operations and all others are.
struct Kind {
  std::vector<int64_t> takers;  // the samples whose next operation it is
  size_t left = 0;              // in all plans
  bool is_behind = false;       // in one of them, another kind comes first
};

std::map<size_t, Kind> kinds_left(const std::vector<augment::Plan>& plans, const std::vector<size_t>& done) {
  std::map<size_t, Kind> kinds;
  for (size_t sample = 0; sample < plans.size(); ++sample) {
    const augment::Plan& plan = plans[sample];
    if (done[sample] == plan.size()) continue;
    const size_t first = kind_of(plan[done[sample]]);
    kinds[first].takers.push_back(static_cast<int64_t>(sample));
    for (size_t i = done[sample]; i < plan.size(); ++i) {
      Kind& kind = kinds[kind_of(plan[i])];
      ++kind.left;
      kind.is_behind |= &kind != &kinds[first];
    }
  }
  return kinds;
}

// The one to take now: one that all who need it can take, so that rare ones come once; else the most frequent.
const Kind& next_of(const std::map<size_t, Kind>& kinds) {
  const auto rank = [](const Kind& kind) { return std::tuple(!kind.takers.empty(), !kind.is_behind, kind.left); };
  return std::max_element(kinds.begin(), kinds.end(),
                          [&](const auto& a, const auto& b) { return rank(a.second) < rank(b.second); })
      ->second;
}

// All of one kind.
at::Tensor apply_alike(const at::Tensor& images, const std::vector<augment::Operation>& operations) {
  const auto apply = [&]<typename Operation>(const auto& to) {
    std::vector<Operation> each;
    each.reserve(operations.size());
    for (const augment::Operation& operation : operations) each.push_back(to(operation));
    return apply_each(images, Each<Operation>(each));
  };
  return std::visit(
      [&]<typename Operation>(const Operation&) {
        if constexpr (kMixesGray<Operation>)
          return apply.template operator()<GrayMix>([](const auto& operation) { return *as_gray_mix(operation); });
        else
          return apply.template operator()<Operation>(
              [](const auto& operation) { return std::get<Operation>(operation); });
      },
      operations[0]);
}

}  // namespace

at::Tensor apply_plans(const at::Tensor& images, const std::vector<augment::Plan>& plans) {
  std::vector<size_t> done(plans.size());  // operations of each plan
  at::Tensor result = images;
  for (auto kinds = kinds_left(plans, done); !kinds.empty(); kinds = kinds_left(plans, done)) {
    const std::vector<int64_t>& samples = next_of(kinds).takers;
    std::vector<augment::Operation> operations;
    operations.reserve(samples.size());
    for (const int64_t sample : samples) operations.push_back(plans[sample][done[sample]++]);
    if (samples.size() == plans.size()) {
      result = apply_alike(result, operations);
      continue;
    }
    // In place, so that nothing of the others is copied, but not in the images of the caller.
    if (result.is_alias_of(images)) result = result.clone();
    const at::Tensor index = send(at::tensor(samples, at::kLong), result.device());
    result.index_copy_(0, index, apply_alike(result.index_select(0, index), operations));
  }
  return result;
}

}  // namespace contrastive::augment_tensor
