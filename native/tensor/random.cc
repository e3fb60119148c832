// Random tensors from an explicit seed: libtorch's process-wide generator is never used.
#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include <optional>

#include "core/error.h"
#include "core/op.h"

namespace contrastive::tensor {
namespace {

at::Tensor fill(const std::vector<int64_t>& size, int64_t seed, const std::optional<at::Device>& device, bool normal) {
  if (device && device->is_meta()) return at::empty(size, at::TensorOptions().device(at::kMeta));
  // Drawn on the CPU and moved, so that a seed means the same numbers on every device.
  at::Generator generator = at::detail::createCPUGenerator(static_cast<uint64_t>(seed));
  at::Tensor result = at::empty(size);
  result = normal ? result.normal_(0, 1, generator) : result.uniform_(0, 1, generator);
  return device ? result.to(*device) : result;
}

at::Tensor rand(const std::vector<int64_t>& size, int64_t seed, const std::optional<at::Device>& device) {
  return fill(size, seed, device, false);
}
CONTRASTIVE_OP(rand, "rand(int[] size, *, int seed=0, Device? device=None) -> Tensor");

at::Tensor randn(const std::vector<int64_t>& size, int64_t seed, const std::optional<at::Device>& device) {
  return fill(size, seed, device, true);
}
CONTRASTIVE_OP(randn, "randn(int[] size, *, int seed=0, Device? device=None) -> Tensor");

}  // namespace
}  // namespace contrastive::tensor
