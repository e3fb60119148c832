#include "core/callable.h"

#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/jit/frontend/function_schema_parser.h>

#include <map>
#include <mutex>
#include <set>

#include "core/error.h"

namespace contrastive {
namespace {

const std::set<std::string> kLowPrecision = {
    "aten::matmul", "aten::mm",     "aten::bmm",    "aten::addmm",  "aten::linear",
    "aten::conv2d", "aten::conv1d", "aten::conv3d", "aten::einsum", "aten::baddbmm"};

Callable make(const std::string& name) {
  if (name.rfind("aten::", 0) == 0) {
    const auto dot = name.find('.');
    auto handle = c10::Dispatcher::singleton().findSchema(
        {name.substr(0, dot), dot == std::string::npos ? "" : name.substr(dot + 1)});
    CONTRASTIVE_CHECK(handle, kOptionError, "libtorch has no operator '", name, "'");
    return Callable(handle->schema(), nullptr, *handle);
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
      low_precision_(kLowPrecision.count(schema_.name()) > 0) {}

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
  if (own_)
    own_(stack);
  else
    aten_->callBoxed(stack);
}

}  // namespace contrastive
