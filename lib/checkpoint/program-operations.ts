/**
 * The operations that a program in a file may call. All are pure, say the shapes of their results without looking at values, and
 * check what they are given; what a forward pass in evaluation does not need is left out.
 */

const aten: readonly string[] = [
  ...['abs', 'neg', 'exp', 'expm1', 'log', 'log1p', 'log2', 'sqrt', 'rsqrt', 'square', 'reciprocal', 'sign', 'floor'],
  ...['ceil', 'round', 'sin', 'cos', 'tan', 'tanh', 'sigmoid', 'erf', 'isnan', 'isfinite', 'isinf', 'logical_not'],
  ...['relu', 'relu6', 'gelu', 'silu', 'softplus', 'leaky_relu', 'elu', 'hardtanh', 'hardswish', 'hardsigmoid'],
  ...['log_sigmoid', 'softmax.int', 'log_softmax.int', 'clamp', 'nan_to_num', 'masked_fill.Scalar'],
  ...['add.Tensor', 'sub.Tensor', 'mul.Tensor', 'div.Tensor', 'pow.Tensor_Tensor', 'pow.Tensor_Scalar', 'maximum'],
  ...['minimum', 'atan2', 'remainder.Tensor', 'eq.Tensor', 'ne.Tensor', 'lt.Tensor', 'le.Tensor', 'gt.Tensor'],
  ...['ge.Tensor', 'logical_and', 'logical_or', 'where.self', 'lerp.Scalar'],
  ...['sum.dim_IntList', 'mean.dim', 'amax', 'amin', 'argmax', 'argmin', 'std.correction', 'var.correction'],
  ...['linalg_vector_norm', 'logsumexp', 'cumsum', 'all.dims', 'any.dims', 'prod.dim_int', 'topk', 'sort'],
  ...['reshape', 'permute', 'transpose.int', 't', 'flatten.using_ints', 'unflatten.int', 'unsqueeze', 'squeeze.dim'],
  ...['expand', 'repeat', 'cat', 'stack', 'split.Tensor', 'chunk', 'unbind.int', 'narrow', 'select.int'],
  ...['slice.Tensor', 'index_select', 'gather', 'flip', 'roll', 'tril', 'triu', 'diagonal', 'contiguous', 'clone'],
  ...['detach', 'to.dtype', 'repeat_interleave.self_int'],
  ...['matmul', 'mm', 'bmm', 'addmm', 'linear', 'conv2d', 'scaled_dot_product_attention', 'cosine_similarity'],
  ...['batch_norm', 'layer_norm', 'group_norm', 'max_pool2d', 'avg_pool2d', 'adaptive_avg_pool2d', 'pad'],
  ...['upsample_bilinear2d.vec', 'full', 'zeros', 'ones', 'arange', 'eye', 'zeros_like', 'ones_like'],
];

const own: readonly string[] = ['batch_norm_act', 'normalize', 'scaled_dot_product_attention'];

export const allowedOperations: ReadonlySet<string> = new Set([...aten.map((name) => `aten::${name}`), ...own]);
