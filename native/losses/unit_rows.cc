#include "losses/unit_rows.h"

#include <c10/core/impl/LocalDispatchKeySet.h>
#include <torch/csrc/autograd/custom_function.h>

#include "losses/pair_gradient.h"
#include "tensor/row_lengths.h"

namespace contrastive::losses {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

// The gradient of x / |x| is (g − (g·z) z) / |x|, with z the unit row.
class UnitRowsGradient : public Function<UnitRowsGradient> {
 public:
  static at::Tensor forward(AutogradContext*, const at::Tensor& upstream, const at::Tensor& z, const at::Tensor& norms,
                            const at::Tensor& order, at::ScalarType dtype) {
    const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
    const at::Tensor along = at::bmm(upstream.unsqueeze(1), z.unsqueeze(2)).squeeze(2);
    at::Tensor gradient = at::addcmul(upstream, z, along, -1).div_(norms);
    return at::empty_like(gradient).index_copy_(0, order, gradient).to(dtype);
  }

  static variable_list backward(AutogradContext*, const variable_list&) { refuse_second_derivative(); }
};

class UnitRows : public Function<UnitRows> {
 public:
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x, const at::Tensor& order, at::ScalarType dtype) {
    at::Tensor z = x.index_select(0, order).to(dtype);
    const at::Tensor norms = tensor::row_lengths(z);
    z.div_(norms);
    ctx->save_for_backward({z, norms, order});
    ctx->saved_data["dtype"] = static_cast<int64_t>(x.scalar_type());
    return z;
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& upstream) {
    const variable_list saved = ctx->get_saved_variables();
    const auto dtype = static_cast<at::ScalarType>(ctx->saved_data["dtype"].toInt());
    return {UnitRowsGradient::apply(upstream[0], saved[0], saved[1], saved[2], dtype), {}, {}};
  }
};

}  // namespace

at::Tensor unit_rows(const at::Tensor& x, const at::Tensor& order, at::ScalarType dtype) {
  return UnitRows::apply(x, order, dtype);
}

}  // namespace contrastive::losses
