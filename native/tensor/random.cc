// Random tensors from an explicit seed: libtorch's process-wide generator is never used.
#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include <optional>

#include "core/error.h"
#include "core/host_copy.h"
#include "core/op.h"

namespace contrastive::tensor {
namespace {

using Device = std::optional<at::Device>;

// draw(generator, options) where there are numbers to draw: on the CPU, then moved, so that a seed means the same
// numbers on every device. Those of PyTorch's torch.Generator with that seed.
template <typename Draw>
at::Tensor drawn(const std::vector<int64_t>& size, at::ScalarType dtype, int64_t seed, const Device& device,
                 Draw draw) {
  if (device && device->is_meta()) return at::empty(size, at::TensorOptions(dtype).device(at::kMeta));
  const at::Tensor result = draw(at::detail::createCPUGenerator(static_cast<uint64_t>(seed)));
  return device ? send(result, *device) : result;
}

at::Tensor rand(const std::vector<int64_t>& size, int64_t seed, const Device& device) {
  return drawn(size, at::kFloat, seed, device,
               [&](const at::Generator& generator) { return at::empty(size).uniform_(0, 1, generator); });
}
CONTRASTIVE_OP(rand, "rand(int[] size, *, int seed=0, Device? device=None) -> Tensor");

at::Tensor randn(const std::vector<int64_t>& size, int64_t seed, const Device& device) {
  return drawn(size, at::kFloat, seed, device,
               [&](const at::Generator& generator) { return at::empty(size).normal_(0, 1, generator); });
}
CONTRASTIVE_OP(randn, "randn(int[] size, *, int seed=0, Device? device=None) -> Tensor");

// int64, uniform from low to high - 1.
at::Tensor randint(int64_t low, int64_t high, const std::vector<int64_t>& size, int64_t seed, const Device& device) {
  CONTRASTIVE_CHECK(low < high, kOptionError, "randint: low must be below high, got ", low, " and ", high);
  return drawn(size, at::kLong, seed, device, [&](const at::Generator& generator) {
    return at::randint(low, high, size, generator, at::TensorOptions(at::kLong));
  });
}
CONTRASTIVE_OP(randint, "randint(int low, int high, int[] size, *, int seed=0, Device? device=None) -> Tensor");

// int64 (n): 0 to n - 1 in a random order.
at::Tensor randperm(int64_t n, int64_t seed, const Device& device) {
  CONTRASTIVE_CHECK(n >= 0, kOptionError, "randperm: n must be at least 0, got ", n);
  return drawn({n}, at::kLong, seed, device, [&](const at::Generator& generator) {
    return at::randperm(n, generator, at::TensorOptions(at::kLong));
  });
}
CONTRASTIVE_OP(randperm, "randperm(int n, *, int seed=0, Device? device=None) -> Tensor");

}  // namespace
}  // namespace contrastive::tensor
