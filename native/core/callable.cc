#include "core/callable.h"

#include <ATen/autocast_mode.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/jit/frontend/function_schema_parser.h>

#include <map>
#include <mutex>
#include <set>

#include "core/error.h"

namespace contrastive {
namespace {

// libtorch's lists (ATen/autocast_mode.h and .cpp), as far as lib/tensor/ops.ts reaches; test/tensor/ops.test.ts
// compares.
const std::set<std::string> kLow = {"aten::matmul",
                                    "aten::mm",
                                    "aten::bmm",
                                    "aten::addmm",
                                    "aten::linear",
                                    "aten::conv2d",
                                    "aten::conv1d",
                                    "aten::conv3d",
                                    "aten::einsum",
                                    "aten::baddbmm",
                                    "scaled_dot_product_attention",
                                    "_inference_convolution",
                                    "_inference_linear"};
const std::set<std::string> kFullOnCpu = {"aten::mse_loss",
                                          "aten::binary_cross_entropy_with_logits",
                                          "aten::nll_loss",
                                          "aten::cross_entropy_loss",
                                          "aten::prod",
                                          "aten::cdist",
                                          "aten::linalg_svd",
                                          "aten::linalg_eigh",
                                          "aten::linalg_eigvalsh",
                                          "aten::smooth_l1_loss",
                                          "aten::kl_div"};
// NOLINTBEGIN(bugprone-suspicious-missing-comma): two literals make one name.
#define CONTRASTIVE_NAME(name, ...) "aten::" #name,
const std::set<std::string> kFullElsewhere = {AT_FORALL_FP32(CONTRASTIVE_NAME)
                                                  AT_FORALL_FP32_SET_OPT_DTYPE(CONTRASTIVE_NAME)};
#undef CONTRASTIVE_NAME
// NOLINTEND(bugprone-suspicious-missing-comma)

// libtorch's batch_norm moves its running statistics without counting their versions up, by which others see that a
// tensor has changed; and it keeps them for its backward pass, which does not look at them, but refuses to compute once
// their version is another. It is given them with a version of their own.
void count_statistics(Stack& arguments) {
  constexpr size_t kRunningMean = 3, kRunningVar = 4, kTraining = 5;
  if (!arguments[kTraining].toBool()) return;
  for (const size_t i : {kRunningMean, kRunningVar}) {
    if (!arguments[i].isTensor()) continue;
    const at::Tensor moved = arguments[i].toTensor();
    moved.unsafeGetTensorImpl()->bump_version();
    arguments[i] = moved.variable_data();
  }
}

Callable make(const std::string& name) {
  if (name.starts_with("aten::")) {
    const auto dot = name.find('.');
    auto handle = c10::Dispatcher::singleton().findSchema(
        {name.substr(0, dot), dot == std::string::npos ? "" : name.substr(dot + 1)});
    CONTRASTIVE_CHECK(handle, kOptionError, "libtorch has no operator '", name, "'");
    return Callable(handle->schema(), nullptr, handle);
  }
  for (const OpEntry& entry : op_table())
    if (entry.name == name) return Callable(torch::jit::parseSchema(entry.schema), entry.call, std::nullopt);
  throw Error(kOptionError, message("there is no operation '", name, "'"));
}

}  // namespace

Callable::Callable(c10::FunctionSchema schema, BoxedFunction own, std::optional<c10::OperatorHandle> aten)
    : schema_(std::move(schema)),
      own_(own),
      aten_(aten ? std::make_shared<c10::OperatorHandle>(*aten) : nullptr),
      low_(kLow.contains(schema_.name())),
      full_on_cpu_(kFullOnCpu.contains(schema_.name())),
      full_elsewhere_(kFullElsewhere.contains(schema_.name())),
      moves_statistics_(schema_.name() == "aten::batch_norm") {}

std::optional<at::ScalarType> Callable::autocast_dtype(at::DeviceType device, at::ScalarType low) const {
  if (low_) return low;
  if (device == at::kCPU ? full_on_cpu_ : full_elsewhere_) return at::kFloat;
  return std::nullopt;
}

const Callable& Callable::find(const std::string& name) {
  static std::mutex mutex;
  static std::map<std::string, Callable> known;  // node-based: references stay valid
  std::lock_guard lock(mutex);
  auto found = known.find(name);
  if (found == known.end()) found = known.emplace(name, make(name)).first;
  return found->second;
}

std::vector<std::string> Callable::own_names() {
  std::vector<std::string> names;
  for (const OpEntry& entry : op_table()) names.push_back(entry.name);
  return names;
}

void Callable::call(Stack& stack) const {
  if (moves_statistics_) count_statistics(stack);
  if (own_)
    own_(stack);
  else
    aten_->callBoxed(stack);
}

}  // namespace contrastive
