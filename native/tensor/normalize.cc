// Vectors divided by their norms.
#include <ATen/ATen.h>
#include <c10/core/impl/LocalDispatchKeySet.h>

#include "core/error.h"
#include "core/op.h"

namespace contrastive::tensor {
namespace {

// x / max(|x|_p, eps) along dim, of x's dtype under autocast too. Where the norm is below eps, 0 among them, eps is a
// constant, and the gradient is that of x / eps: as torch.nn.functional.normalize.
at::Tensor normalize(const at::Tensor& input, double p, int64_t dim, double eps) {
  CONTRASTIVE_CHECK(input.is_floating_point(), kDTypeError, "normalize: input must have a floating dtype, got ",
                    c10::toString(input.scalar_type()));
  CONTRASTIVE_CHECK(eps >= 0, kOptionError, "normalize: eps must be at least 0, got ", eps);
  const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
  return input / at::linalg_vector_norm(input, p, at::IntArrayRef{dim}, /*keepdim=*/true).clamp_min(eps);
}
CONTRASTIVE_OP(normalize, "normalize(Tensor input, *, float p=2.0, int dim=1, float eps=1e-12) -> Tensor");

}  // namespace
}  // namespace contrastive::tensor
