// A convolution with the batch normalisation, addition and activation behind it as one operation, for inference: the
// normalisation folded into the weight and the bias (Jacob et al. 2018, arXiv:1712.05877, section 3.2), the weight in
// the layout that this machine's kernels want, the rest inside the kernel.
#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <optional>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/op.h"
#include "nn/activation.h"
#include "nn/inference_dtype.h"
#include "nn/onednn.h"
#include "nn/packed_weights.h"
#include "nn/winograd.h"

namespace contrastive::nn {
namespace {

using OptionalTensor = std::optional<at::Tensor>;

enum Operator { kPack, kPlain, kAdd, kAddInPlace };

const OnednnOperators& kernels() {
  static const OnednnOperators operators({{"_reorder_convolution_weight", ""},
                                          {"_convolution_pointwise", ""},
                                          {"_convolution_pointwise", "binary"},
                                          {"_convolution_pointwise_", "binary"}});
  return operators;
}

at::Tensor pack(const at::Tensor& weight, const ConvolutionOptions& o, at::IntArrayRef input) {
  return kernels().call(kPack, {weight, o.padding, o.stride, o.dilation, o.groups, input});
}

at::Tensor run(const at::Tensor& x, const Folded& folded, const ConvolutionOptions& o, const char* activation) {
  return kernels().call(kPlain, {x, folded.weight, folded.bias, o.padding, o.stride, o.dilation, o.groups, activation,
                                 no_scalars(), c10::IValue()});
}

// Into `other` where that may be overwritten.
at::Tensor run_and_add(const at::Tensor& x, const at::Tensor& other, bool in_place, const Folded& folded,
                       const ConvolutionOptions& o, const c10::IValue& activation) {
  c10::Stack stack = in_place ? c10::Stack{other, x} : c10::Stack{x, other};
  const c10::Stack rest = {folded.weight, folded.bias, o.padding,  o.stride,     o.dilation,   o.groups,
                           "add",         1.0,         activation, no_scalars(), c10::IValue()};
  stack.insert(stack.end(), rest.begin(), rest.end());
  return kernels().call(in_place ? kAddInPlace : kAdd, std::move(stack));
}

struct Normalisation {
  OptionalTensor weight, bias, mean, variance;
  double epsilon;
};

// y = scale (conv(x, w) + b - mean) + shift is conv(x, scale w) + scale (b - mean) + shift.
Folded fold(const at::Tensor& weight, const OptionalTensor& bias, const Normalisation& norm, at::ScalarType dtype) {
  at::Tensor w = weight.to(at::kDouble);
  at::Tensor b = bias ? bias->to(at::kDouble) : at::zeros({weight.size(0)}, w.options());
  if (norm.mean) {
    at::Tensor scale = (norm.variance->to(at::kDouble) + norm.epsilon).rsqrt();
    if (norm.weight) scale = scale * norm.weight->to(at::kDouble);
    w = w * scale.view({-1, 1, 1, 1});
    b = (b - norm.mean->to(at::kDouble)) * scale;
    if (norm.bias) b = b + norm.bias->to(at::kDouble);
  }
  return {w.to(dtype).contiguous(at::MemoryFormat::ChannelsLast), b.to(dtype)};
}

// What oneDNN's operators of libtorch call it.
const char* attribute_of(Activation act) {
  switch (act) {
    case Activation::kRelu:
      return "relu";
    case Activation::kHardswish:
      return "hardswish";
    case Activation::kSilu:
      return "swish";
    default:
      return "none";
  }
}

at::Tensor inference_convolution(at::Tensor input, const at::Tensor& weight, const OptionalTensor& bias,
                                 const OptionalTensor& norm_weight, const OptionalTensor& norm_bias,
                                 const OptionalTensor& running_mean, const OptionalTensor& running_var,
                                 OptionalTensor residual, double eps, const std::string& activation,
                                 const std::vector<int64_t>& stride, const std::vector<int64_t>& padding,
                                 const std::vector<int64_t>& dilation, int64_t groups) {
  CONTRASTIVE_CHECK(running_mean.has_value() == running_var.has_value(), kOptionError,
                    "running_mean and running_var come together");
  const Activation act = activation_of(activation);
  const ConvolutionOptions options{stride, padding, dilation, groups};
  if (input.is_meta()) return at::conv2d(input, weight, bias, stride, padding, dilation, groups);

  const c10::NoGradGuard no_grad;
  const at::ScalarType dtype = inference_dtype(input);
  // Nobody else sees a residual that is handed over: the sum may take its place.
  const bool is_owned = residual && residual->use_count() == 1 && residual->storage().use_count() == 1;
  const at::Tensor x = input.to(dtype).contiguous(at::MemoryFormat::ChannelsLast);
  const auto winograd = winograd_for_inference(x, weight, options);
  const bool packs = !winograd && kernels().take(x);
  const std::vector<at::Tensor> sources = [&] {
    std::vector<at::Tensor> all = {weight};
    for (const OptionalTensor* each : {&bias, &norm_weight, &norm_bias, &running_mean, &running_var})
      if (*each) all.push_back(**each);
    return all;
  }();
  const Normalisation norm{norm_weight, norm_bias, running_mean, running_var, eps};
  const std::string use =
      message(dtype, ' ', x.sizes().slice(1), stride, padding, dilation, groups, ' ', eps, packs, packs && is_alone(x),
              winograd ? winograd->kernels->side : 0, bias.has_value(), norm_weight.has_value(), norm_bias.has_value());
  const Folded folded = folded_weights(sources, use, [&] {
    Folded made = fold(weight, bias, norm, dtype);
    if (winograd) made.weight = transformed_weight(*winograd, made.weight);
    if (packs) made.weight = pack(made.weight, options, x.sizes());
    return made;
  });

  const at::Tensor other = residual ? residual->to(dtype).contiguous(at::MemoryFormat::ChannelsLast) : at::Tensor();
  const bool in_place = other.defined() && (is_owned || !other.is_same(*residual));
  const bool is_relu = act == Activation::kRelu;
  if (winograd) {
    const WinogradShape& s = winograd->shape;
    const std::vector<int64_t> sizes = {s.images, s.outputs, s.output_height, s.output_width};
    CONTRASTIVE_CHECK(!other.defined() || other.sizes() == sizes, kShapeError, "residual must have shape ",
                      at::IntArrayRef(sizes), ", that of the result, got ", other.sizes());
    const OptionalTensor added = other.defined() ? OptionalTensor(other) : std::nullopt;
    const at::Tensor y = winograd_convolution(*winograd, x, folded.weight, {folded.bias, added, in_place, is_relu});
    return is_relu ? y : activated(y, act);
  }
  if (!packs) {
    at::Tensor y = at::conv2d(x, folded.weight, folded.bias, stride, padding, dilation, groups);
    if (other.defined()) y = y.add_(other);
    return activated(y, act);
  }
  if (!other.defined()) return run(x, folded, options, attribute_of(act));
  // Behind an addition, oneDNN's kernels know no other.
  const at::Tensor sum =
      run_and_add(x, other, in_place, folded, options, is_relu ? c10::IValue("relu") : c10::IValue());
  return is_relu ? sum : activated(sum, act);
}

CONTRASTIVE_OP(
    inference_convolution,
    "_inference_convolution(Tensor input, Tensor weight, Tensor? bias=None, Tensor? norm_weight=None, "
    "Tensor? norm_bias=None, Tensor? running_mean=None, Tensor? running_var=None, Tensor? residual=None, *, "
    "float eps=1e-05, str activation='none', int[] stride, int[] padding, int[] dilation, int groups=1) -> Tensor");

}  // namespace
}  // namespace contrastive::nn
