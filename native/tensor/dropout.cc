#include "tensor/dropout.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/op.h"
#include "core/philox.h"

namespace contrastive::tensor {
namespace {

// Which elements stay, bool, row-major: element i stays where word i of the key's stream is at least p · 2^32. Drawn on
// the CPU, so that a key means the same elements on every device.
at::Tensor kept(at::IntArrayRef sizes, double p, const at::Tensor& key) {
  const at::Tensor mask = at::empty(sizes, at::TensorOptions(at::kBool));
  auto* target = mask.mutable_data_ptr<bool>();
  const auto count = mask.numel(), blocks = (count + 3) / 4;
  const auto threshold = static_cast<uint64_t>(std::llround(p * 0x1p32));
  const auto seed = static_cast<uint64_t>(key.item<int64_t>());
  const std::array<uint32_t, 2> words = {
      static_cast<uint32_t>(seed),
      static_cast<uint32_t>(seed >> 32) ^ (static_cast<uint32_t>(Purpose::kDropout) << 16)};
  at::parallel_for(0, blocks, 4096, [&](int64_t begin, int64_t end) {
    for (int64_t block = begin; block < end; ++block) {
      const Philox::Block drawn =
          Philox::rounds({static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32), 0, 0}, words);
      const int64_t first = 4 * block, size = std::min<int64_t>(4, count - first);
      for (int64_t i = 0; i < size; ++i) target[first + i] = drawn[i] >= threshold;
    }
  });
  return mask;
}

}  // namespace

at::Tensor dropout(const at::Tensor& input, double p, const at::Tensor& key) {
  CONTRASTIVE_CHECK(p >= 0 && p <= 1, kOptionError, "dropout: p must be from 0 to 1, got ", p);
  CONTRASTIVE_CHECK(input.is_floating_point(), kDTypeError, "dropout: input must have a floating dtype, got ",
                    c10::toString(input.scalar_type()));
  CONTRASTIVE_CHECK(key.dim() == 0, kShapeError, "dropout: key must have shape (), got ", key.sizes());
  CONTRASTIVE_CHECK(key.scalar_type() == at::kLong, kDTypeError, "dropout: key must have dtype int64, got ",
                    c10::toString(key.scalar_type()));
  // In the memory format of the input, which the result then has.
  const at::Tensor mask = at::empty_like(input, input.options().dtype(at::kBool));
  if (!input.is_meta()) mask.copy_(kept(input.sizes(), p, key), /*non_blocking=*/true);
  // where() saves the mask alone for the gradient, a byte an element. Where nothing stays, 1 / (1 − p) is not finite,
  // and neither would a gradient be.
  return at::where(mask, input * (p < 1 ? 1 / (1 - p) : 0), 0);
}
CONTRASTIVE_OP(dropout, "dropout(Tensor input, *, float p=0.5, Tensor key) -> Tensor");

}  // namespace contrastive::tensor
