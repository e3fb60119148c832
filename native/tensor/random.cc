// Random tensors from an explicit seed: libtorch's process-wide generator is never used.
#include <ATen/CPUGeneratorImpl.h>

#include "core/error.h"
#include "core/op.h"

namespace contrastive::tensor {
namespace {

at::Tensor fill(const std::vector<int64_t>& size, int64_t seed, bool normal) {
  // Drawn on the CPU and moved by the caller, so that a seed means the same numbers on every device.
  at::Generator generator = at::detail::createCPUGenerator(static_cast<uint64_t>(seed));
  at::Tensor result = at::empty(size);
  return normal ? result.normal_(0, 1, generator) : result.uniform_(0, 1, generator);
}

}  // namespace

at::Tensor rand(const std::vector<int64_t>& size, int64_t seed) { return fill(size, seed, false); }
CONTRASTIVE_OP(rand, "rand(int[] size, *, int seed=0) -> Tensor");

at::Tensor randn(const std::vector<int64_t>& size, int64_t seed) { return fill(size, seed, true); }
CONTRASTIVE_OP(randn, "randn(int[] size, *, int seed=0) -> Tensor");

}  // namespace contrastive::tensor
