// Attention: libtorch's, with our dropout.
#include <ATen/ATen.h>

#include <cmath>
#include <optional>

#include "core/error.h"
#include "core/infinity.h"
#include "core/op.h"
#include "tensor/dropout.h"

namespace contrastive::tensor {
namespace {

// dropout(softmax(scale · q kᵀ + mask)) v over the last two dimensions: what libtorch fuses where there is no dropout.
at::Tensor composed_attention(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                              const std::optional<at::Tensor>& mask, bool is_causal, std::optional<double> scale,
                              double p, const std::optional<at::Tensor>& dropout_key) {
  const double factor = scale.value_or(1 / std::sqrt(static_cast<double>(query.size(-1))));
  at::Tensor scores = at::matmul(query * factor, key.transpose(-2, -1));  // (…, queries, keys)
  std::optional<at::Tensor> allowed;
  if (is_causal) allowed = at::ones({query.size(-2), key.size(-2)}, query.options().dtype(at::kBool)).tril();
  if (mask && mask->scalar_type() == at::kBool) allowed = mask;
  if (allowed)
    scores = scores.masked_fill(allowed->logical_not(), -kInfinity);
  else if (mask)
    scores = scores + *mask;
  at::Tensor weights = at::_safe_softmax(scores, -1);  // 0 where a query sees no key
  if (dropout_key) weights = dropout(weights, p, *dropout_key);
  return at::matmul(weights, value);
}

at::Tensor scaled_dot_product_attention(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                                        const std::optional<at::Tensor>& attn_mask, double dropout_p, bool is_causal,
                                        std::optional<double> scale, const std::optional<at::Tensor>& dropout_key) {
  CONTRASTIVE_CHECK(query.dim() >= 2 && key.dim() >= 2 && value.dim() >= 2, kShapeError,
                    "scaledDotProductAttention: query, key and value must have shapes (…, length, dim), got ",
                    query.sizes(), ", ", key.sizes(), " and ", value.sizes());
  CONTRASTIVE_CHECK(!attn_mask || !is_causal, kOptionError,
                    "scaledDotProductAttention: attnMask and isCausal exclude each other");
  CONTRASTIVE_CHECK(dropout_p == 0 || dropout_key, kOptionError,
                    "scaledDotProductAttention: dropoutP needs a dropoutKey");
  // libtorch has no shape function in C++ for what it fuses.
  if (dropout_p != 0 || query.is_meta())
    return composed_attention(query, key, value, attn_mask, is_causal, scale, dropout_p, dropout_key);
  return at::scaled_dot_product_attention(query, key, value, attn_mask, 0, is_causal, scale);
}
CONTRASTIVE_OP(scaled_dot_product_attention,
               "scaled_dot_product_attention(Tensor query, Tensor key, Tensor value, *, Tensor? attn_mask=None, "
               "float dropout_p=0.0, bool is_causal=False, float? scale=None, Tensor? dropout_key=None) -> Tensor");

}  // namespace
}  // namespace contrastive::tensor
