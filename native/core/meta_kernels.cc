// Shape functions for libtorch's operators that have none in C++ (Python's libtorch has them in Python): with them a
// handle's shape and dtype are known at once, and a shape error is thrown at the caller's line. Registered for the
// `meta` device only, and only where this libtorch has no kernel of its own.
#include <ATen/ATen.h>
#include <ATen/AccumulateType.h>
#include <ATen/ExpandUtils.h>
#include <ATen/WrapDimUtilsMulti.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/library.h>

#include <algorithm>

#include "core/error.h"

namespace contrastive {
namespace {

using at::IntArrayRef;
using at::Scalar;
using at::Tensor;
using OptionalTensor = std::optional<Tensor>;

Tensor same(const Tensor& x) { return at::empty_like(x); }
Tensor hardtanh(const Tensor& x, const Scalar&, const Scalar&) { return same(x); }
Tensor nan_to_num(const Tensor& x, std::optional<double>, std::optional<double>, std::optional<double>) {
  return same(x);
}

Tensor flip(const Tensor& x, IntArrayRef dims) {
  at::dim_list_to_bitset(dims, x.dim());  // throws for a dimension that is not there, or named twice
  return same(x);
}

Tensor roll(const Tensor& x, IntArrayRef shifts, IntArrayRef dims) {
  CONTRASTIVE_CHECK(shifts.size() == (dims.empty() ? 1 : dims.size()), kShapeError,
                    "roll: shifts and dims must have the same size, got ", shifts, " and ", dims);
  for (const int64_t dim : dims) at::maybe_wrap_dim(dim, x.dim());
  return same(x);
}

std::tuple<Tensor, Tensor> log_sigmoid_forward(const Tensor& x) { return {same(x), same(x)}; }

Tensor truth(const Tensor& x) { return at::ne(x, x); }
Tensor truth_of_two(const Tensor& x, const Tensor& y) { return at::ne(x, y); }

Tensor where(const Tensor& condition, const Tensor& x, const Tensor& y) {
  const auto size = at::infer_size(condition.sizes(), at::infer_size(x.sizes(), y.sizes()));
  return at::empty(size, x.options().dtype(at::result_type(x, y)).device(at::kMeta));
}

Tensor spread(const Tensor& x, at::OptionalIntArrayRef dim, const std::optional<Scalar>&, bool keepdim) {
  return at::mean(x, dim, keepdim);
}

Tensor logsumexp(const Tensor& x, IntArrayRef dim, bool keepdim) {
  return at::sum(at::isIntegralType(x.scalar_type(), true) ? x.to(at::kFloat) : x, dim, keepdim);
}

Tensor safe_softmax(const Tensor& x, int64_t dim, std::optional<at::ScalarType> dtype) {
  return at::softmax(x, dim, dtype);
}

Tensor index_select(const Tensor& x, int64_t dim, const Tensor& index) {
  CONTRASTIVE_CHECK(index.dim() <= 1, kShapeError, "index_select: index must have 0 or 1 dimensions, got shape ",
                    index.sizes());
  CONTRASTIVE_CHECK(index.scalar_type() == at::kLong || index.scalar_type() == at::kInt, kDTypeError,
                    "index_select: index must have dtype int64 or int32");
  auto size = x.sizes().vec();
  dim = at::maybe_wrap_dim(dim, x.dim());
  if (!size.empty()) size[dim] = index.numel();
  return at::empty(size, x.options());
}

Tensor dot(const Tensor& x, const Tensor& y) {
  CONTRASTIVE_CHECK(x.dim() == 1 && x.sizes() == y.sizes(), kShapeError,
                    "dot: both arguments must have shape (n), got shapes ", x.sizes(), " and ", y.sizes());
  CONTRASTIVE_CHECK(x.scalar_type() == y.scalar_type(), kDTypeError, "dot: both arguments must have the same dtype");
  return at::empty({}, x.options());
}

Tensor distance(const Tensor& x, const Tensor& y, double, std::optional<int64_t>) {
  CONTRASTIVE_CHECK(x.dim() >= 2 && y.dim() >= 2 && x.size(-1) == y.size(-1), kShapeError,
                    "cdist: the arguments must have shapes (…, n, d) and (…, m, d), got ", x.sizes(), " and ",
                    y.sizes());
  auto size = at::infer_size(x.sizes().slice(0, x.dim() - 2), y.sizes().slice(0, y.dim() - 2));
  size.push_back(x.size(-2));
  size.push_back(y.size(-2));
  return at::empty(size, x.options());
}

Tensor euclidean_distance(const Tensor& x, const Tensor& y) { return distance(x, y, 2, std::nullopt); }

Tensor cross_entropy_with_logits(const Tensor& x, const Tensor& target, const OptionalTensor& weight,
                                 const OptionalTensor& positive_weight, int64_t reduction) {
  Tensor all = at::mul(x, target);
  if (weight && weight->defined()) all = at::mul(all, *weight);
  if (positive_weight && positive_weight->defined()) all = at::mul(all, *positive_weight);
  return reduction == 0 ? all : at::sum(all);
}

// One number for all dimensions of an image, or one for each; none below `least`.
void check_list(const char* name, IntArrayRef list, int64_t dims, int64_t least) {
  const bool is_low = std::any_of(list.begin(), list.end(), [&](int64_t n) { return n < least; });
  CONTRASTIVE_CHECK((list.size() == 1 || static_cast<int64_t>(list.size()) == dims) && !is_low, kShapeError,
                    "convolution: ", name, " must be 1 or ", dims, " numbers of at least ", least, ", got ", list);
}

int64_t expanded(IntArrayRef list, size_t i) { return list.size() == 1 ? list[0] : list[i]; }

Tensor convolution(const Tensor& x, const Tensor& weight, const OptionalTensor& bias, IntArrayRef stride,
                   IntArrayRef padding, IntArrayRef dilation, bool transposed, IntArrayRef output_padding,
                   int64_t groups) {
  CONTRASTIVE_CHECK(weight.dim() >= 3 && x.dim() == weight.dim(), kShapeError,
                    "convolution: input and weight must have the same number of dimensions, got shapes ", x.sizes(),
                    " and ", weight.sizes());
  CONTRASTIVE_CHECK(x.scalar_type() == weight.scalar_type(), kDTypeError,
                    "convolution: input and weight must have the same dtype");
  CONTRASTIVE_CHECK(groups >= 1 && x.size(1) == (transposed ? weight.size(0) : weight.size(1) * groups), kShapeError,
                    "convolution: a weight of shape ", weight.sizes(), " with groups ", groups,
                    " does not fit an input of shape ", x.sizes());
  check_list("stride", stride, x.dim() - 2, 1);
  check_list("padding", padding, x.dim() - 2, 0);
  check_list("dilation", dilation, x.dim() - 2, 1);
  if (transposed) check_list("output_padding", output_padding, x.dim() - 2, 0);
  const int64_t channels = transposed ? weight.size(1) * groups : weight.size(0);
  CONTRASTIVE_CHECK(!bias || !bias->defined() || bias->sizes() == IntArrayRef({channels}), kShapeError,
                    "convolution: bias must have shape (", channels, "), got ", bias->sizes());
  std::vector<int64_t> size = {x.size(0), channels};
  for (int64_t d = 2; d < x.dim(); ++d) {
    const size_t i = static_cast<size_t>(d - 2);
    const int64_t reach = expanded(dilation, i) * (weight.size(d) - 1) + 1, step = expanded(stride, i);
    const int64_t room = x.size(d) + 2 * expanded(padding, i);
    CONTRASTIVE_CHECK(transposed || room >= reach, kShapeError, "convolution: a kernel of size ", reach,
                      " does not fit a padded input of size ", room);
    size.push_back(transposed ? (x.size(d) - 1) * step - 2 * expanded(padding, i) + reach + expanded(output_padding, i)
                              : (room - reach) / step + 1);
  }
  return at::empty(size, x.options());
}

Tensor adaptive_average(const Tensor& x, IntArrayRef output) {
  CONTRASTIVE_CHECK(x.dim() == 3 || x.dim() == 4, kShapeError,
                    "adaptive_avg_pool2d: input must have 3 or 4 dimensions, got shape ", x.sizes());
  CONTRASTIVE_CHECK(output.size() == 2, kShapeError, "adaptive_avg_pool2d: output_size must be 2");
  auto size = x.sizes().vec();
  std::copy(output.begin(), output.end(), size.end() - 2);
  return at::empty(size, x.options());
}

Tensor reflected(const Tensor& x, IntArrayRef padding) {
  auto size = x.sizes().vec();
  for (size_t i = 0; i < 2; ++i) {
    int64_t& side = size[size.size() - 1 - i];
    CONTRASTIVE_CHECK(padding[2 * i] < side && padding[2 * i + 1] < side, kShapeError,
                      "pad: a reflection must be smaller than its side of ", side, ", got ", padding);
    side += padding[2 * i] + padding[2 * i + 1];
  }
  return at::empty(size, x.options());
}

std::tuple<Tensor, Tensor, Tensor> batch_norm(const Tensor& x, const OptionalTensor&, const OptionalTensor&,
                                              const OptionalTensor&, const OptionalTensor&, bool training, double,
                                              double) {
  const auto options = x.options().dtype(at::toAccumulateType(x.scalar_type(), true));
  const Tensor statistics = at::empty({training ? x.size(1) : 0}, options);
  return {same(x), statistics, at::empty_like(statistics)};
}

std::tuple<Tensor, Tensor, Tensor> group_norm(const Tensor& x, const OptionalTensor&, const OptionalTensor&, int64_t n,
                                              int64_t, int64_t, int64_t groups, double) {
  const Tensor statistics = at::empty({n, groups}, x.options());
  return {same(x), statistics, at::empty_like(statistics)};
}

// Never deregistered: a worker that ends must not take the kernels from the other threads.
[[maybe_unused]] const bool registered = [] {
  static auto* const library =
      new torch::Library(torch::Library::IMPL, "aten", c10::DispatchKey::Meta, __FILE__, __LINE__);
  const auto add = [&](const char* name, auto* kernel) {
    const std::string full = name;
    const auto dot = full.find('.');
    const auto op = c10::Dispatcher::singleton().findSchema(
        {"aten::" + full.substr(0, dot), dot == std::string::npos ? "" : full.substr(dot + 1)});
    if (op && !op->hasKernelForDispatchKey(c10::DispatchKey::Meta)) library->impl(name, kernel);
  };
  add("abs", &same);
  add("relu", &same);
  add("hardswish", &same);
  add("hardtanh", &hardtanh);
  add("nan_to_num", &nan_to_num);
  add("flip", &flip);
  add("roll", &roll);
  add("log_sigmoid_forward", &log_sigmoid_forward);
  add("isnan", &truth);
  add("logical_not", &truth);
  add("logical_and", &truth_of_two);
  add("logical_or", &truth_of_two);
  add("where.self", &where);
  add("std.correction", &spread);
  add("var.correction", &spread);
  add("logsumexp", &logsumexp);
  add("_safe_softmax", &safe_softmax);
  add("index_select", &index_select);
  add("dot", &dot);
  add("_cdist_forward", &distance);
  add("_euclidean_dist", &euclidean_distance);
  add("binary_cross_entropy_with_logits", &cross_entropy_with_logits);
  add("convolution", &convolution);
  add("_adaptive_avg_pool2d", &adaptive_average);
  add("reflection_pad2d", &reflected);
  add("native_batch_norm", &batch_norm);
  add("native_group_norm", &group_norm);
  return true;
}();

}  // namespace
}  // namespace contrastive
