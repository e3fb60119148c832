#include "nn/onednn.h"

#include <ATen/ATen.h>

#include <string>

#include "core/cpu.h"

namespace contrastive::nn {

OnednnOperators::OnednnOperators(std::initializer_list<Name> names) {
  if (!at::globalContext().userEnabledMkldnn()) return;
  std::vector<c10::OperatorHandle> found;
  for (const auto& [name, overload] : names)
    if (const auto op = c10::Dispatcher::singleton().findSchema({std::string("mkldnn::") + name, overload}))
      found.push_back(*op);
  if (found.size() == names.size()) operators_ = std::move(found);
}

bool OnednnOperators::take(const at::Tensor& x) const {
  const bool has_dtype = x.scalar_type() == at::kFloat || (x.scalar_type() == at::kBFloat16 && has_bfloat16());
  return !operators_.empty() && x.device().is_cpu() && has_dtype;
}

at::Tensor OnednnOperators::call(size_t place, c10::Stack arguments) const {
  operators_[place].callBoxed(arguments);
  return arguments.front().toTensor();
}

}  // namespace contrastive::nn
