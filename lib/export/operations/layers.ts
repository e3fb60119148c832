/** Products, convolutions, normalisations, pools and attention. */
import type { DType } from '../../native/addon.ts';
import type { Call } from '../call.ts';
import type { Size } from '../sizes.ts';
import type { Rows } from './rows.ts';

const matmul = (other: string) => (call: Call) => call.add('MatMul', [call.input('self'), call.input(other)]);

/** x · Wᵀ + bias. */
function linear(call: Call): string {
  const inputs = [call.input('input'), call.input('weight'), call.optional('bias')] as const;
  if (call.value('input').shape.length === 2) return call.add('Gemm', inputs, { transB: 1 }); // weights are (out, in)
  const [x, weight, bias] = inputs;
  const y = call.add('MatMul', [x, call.add('Transpose', [weight])]);
  return bias === undefined ? y : call.add('Add', [y, bias]);
}

function addmm(call: Call): string {
  const [alpha, beta] = [call.number('alpha'), call.number('beta')];
  return call.add('Gemm', [call.input('mat1'), call.input('mat2'), call.input('self')], {
    alpha: { float: alpha },
    beta: { float: beta },
  });
}

function conv2d(call: Call): string {
  const kernel = call.value('weight').shape.slice(2);
  const padding = call.numbers('padding');
  return call.add('Conv', [call.input('input'), call.input('weight'), call.optional('bias')], {
    kernel_shape: kernel.map((size) => call.fixed(size, "the kernel's size")),
    strides: call.numbers('stride'),
    pads: [...padding, ...padding],
    dilations: call.numbers('dilation'),
    group: call.number('groups'),
  });
}

/** By running statistics. */
function batchNorm(call: Call): string {
  if (call.flag('training') || !call.has('running_mean'))
    call.refuse("it must use running statistics: call the module's eval()");
  const channels = call.fixed(call.value('running_mean').shape[0], 'the number of channels');
  const part = (name: string, byDefault: number): string =>
    call.optional(name) ?? call.graph.filled(byDefault, 'float32', [channels]);
  const inputs = [part('weight', 1), part('bias', 0), call.input('running_mean'), call.input('running_var')];
  return call.add('BatchNormalization', [call.input('input'), ...inputs], { epsilon: { float: call.number('eps') } });
}

/** act(batch_norm(x) + residual). */
function batchNormAct(call: Call): string {
  const normalized = batchNorm(call);
  const residual = call.optional('residual');
  const sum = residual === undefined ? normalized : call.add('Add', [normalized, residual]);
  switch (call.text('activation')) {
    case 'relu':
      return call.add('Relu', [sum]);
    case 'hardswish':
      return call.add('HardSwish', [sum]);
    case 'silu':
      return call.add('Mul', [sum, call.add('Sigmoid', [sum])]);
    default:
      return sum;
  }
}

function layerNorm(call: Call): string {
  const shape = call.numbers('normalized_shape');
  const weight = call.optional('weight') ?? call.graph.filled(1, 'float32', shape);
  return call.add('LayerNormalization', [call.input('input'), weight, call.optional('bias')], {
    axis: -shape.length,
    epsilon: { float: call.number('eps') },
  });
}

/** Instance normalisation of (batch, groups, what is in a group), then weight and bias of each channel. */
function groupNorm(call: Call): string {
  const { graph } = call;
  const input = call.value('input');
  const groups = call.number('num_groups');
  const grouped = call.add('Reshape', [input.name, graph.integers([0, groups, -1])]);
  const parts = [graph.filled(1, 'float32', [groups]), graph.filled(0, 'float32', [groups])];
  const normalized = call.add('InstanceNormalization', [grouped, ...parts], { epsilon: { float: call.number('eps') } });
  const whole = call.add('Reshape', [normalized, call.add('Shape', [input.name])]);
  const perChannel = (name: string): string | undefined => {
    const part = call.optional(name);
    const spatial = input.shape.slice(2).map(() => 1);
    return part && call.add('Reshape', [part, graph.integers([-1, ...spatial])]);
  };
  const [weight, bias] = [perChannel('weight'), perChannel('bias')];
  const scaled = weight === undefined ? whole : call.add('Mul', [whole, weight]);
  return bias === undefined ? scaled : call.add('Add', [scaled, bias]);
}

/** What both pools have. */
function window(call: Call) {
  const kernel = call.numbers('kernel_size');
  const strides = call.numbers('stride').length === 0 ? kernel : call.numbers('stride');
  const padding = call.numbers('padding');
  const ceil = call.flag('ceil_mode');
  // A last window that begins in the padding is left out by libtorch, and not by ONNX.
  if (ceil && kernel.some((size, i) => (strides[i] as number) + (padding[i] as number) > size))
    call.refuse("with ceil_mode, 'stride' and 'padding' must not exceed 'kernel_size' together");
  return { kernel_shape: kernel, strides, pads: [...padding, ...padding], ceil_mode: Number(ceil) };
}

function maxPool2d(call: Call): string {
  const dilations = call.numbers('dilation');
  const options = window(call);
  if (options.ceil_mode === 1 && dilations.some((dilation) => dilation > 1)) call.refuse('ceil_mode with a dilation');
  return call.add('MaxPool', [call.input('self')], { ...options, dilations });
}

function avgPool2d(call: Call): string {
  const options = window(call);
  if (call.has('divisor_override')) call.refuse("'divisor_override' must be None");
  const padded = options.pads.some((size) => size > 0);
  const counted = padded && call.flag('count_include_pad');
  if (counted && options.ceil_mode === 1) call.refuse('ceil_mode with a padding that counts');
  return call.add('AveragePool', [call.input('self')], { ...options, count_include_pad: Number(counted) });
}

/** Windows of one size, which tile the image. */
function adaptiveAvgPool2d(call: Call): string {
  const output = call.numbers('output_size');
  const x = call.input('self');
  if (output.every((size) => size === 1)) return call.add('GlobalAveragePool', [x]);
  const kernel = call
    .value('self')
    .shape.slice(-2)
    .map((size: Size, i) => {
      const [before, after] = [call.fixed(size, 'the size of its input'), output[i] as number];
      if (before % after !== 0) call.refuse(`its output of ${after} must divide its input of ${before}`);
      return before / after;
    });
  return call.add('AveragePool', [x], { kernel_shape: kernel, strides: kernel });
}

/** softmax(q · kᵀ · scale + mask) · v. A query that may see no key is not defined. */
function attention(call: Call): string {
  if (call.number('dropout_p') !== 0) call.refuse("'dropout_p' must be 0");
  const [query, key] = [call.value('query'), call.value('key')];
  const dim = call.fixed(query.shape.at(-1), "the query's last size");
  const scale = call.has('scale') ? call.number('scale') : 1 / Math.sqrt(dim);
  const last = key.shape.length - 1;
  const perm = [...key.shape.keys()].slice(0, -2).concat(last, last - 1);
  const scaled = call.add('Mul', [query.name, call.graph.scalar(scale, query.dtype)]);
  const scores = call.add('MatMul', [scaled, call.add('Transpose', [key.name], { perm })]);
  const weights = call.add('Softmax', [masked(call, scores, query.dtype)], { axis: -1 });
  return call.add('MatMul', [weights, call.input('value')]);
}

/** Attention's scores, -∞ where a query must not see a key. */
function masked(call: Call, scores: string, dtype: DType): string {
  const only = (allowed: string) => call.add('Where', [allowed, scores, call.graph.scalar(-Infinity, dtype)]);
  if (call.has('attn_mask')) {
    const mask = call.value('attn_mask');
    return mask.dtype === 'bool' ? only(mask.name) : call.add('Add', [scores, call.graph.cast(mask, dtype)]);
  }
  if (!call.flag('is_causal')) return scores;
  const lengths = ['query', 'key'].map((name) =>
    call.fixed(call.value(name).shape.at(-2), 'the length of a causal sequence'),
  );
  const lower = call.add('Trilu', [call.graph.filled(1, 'float32', lengths)], { upper: 0 });
  return only(call.graph.cast({ name: lower, dtype: 'float32' }, 'bool'));
}

const einsum = (call: Call): string =>
  call.add(
    'Einsum',
    call.values('tensors').map(({ name }) => name),
    { equation: call.text('equation') },
  );

export const layers: Rows = {
  'aten::matmul': matmul('other'),
  'aten::mm': matmul('mat2'),
  'aten::bmm': matmul('mat2'),
  'aten::addmm': addmm,
  'aten::linear': linear,
  'aten::einsum': einsum,
  'aten::conv2d': conv2d,
  'aten::batch_norm': batchNorm,
  batch_norm_act: batchNormAct,
  'aten::layer_norm': layerNorm,
  'aten::group_norm': groupNorm,
  'aten::max_pool2d': maxPool2d,
  'aten::avg_pool2d': avgPool2d,
  'aten::adaptive_avg_pool2d': adaptiveAvgPool2d,
  scaled_dot_product_attention: attention,
};
