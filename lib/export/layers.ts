/** The layers of encoders and heads as nodes, in evaluation mode: native/models/layers.h has the same. */
import { type Graph, type Weight, type Weights, weightOf } from './module-graph.ts';

// native/models/layers.cc: kBatchNormEpsilon. native/models/projection_head.cc: kNormEpsilon.
const kBatchNormEpsilon = 1e-5;
const kNormEpsilon = 1e-12;

/** Where the layers of one module go. */
export interface Target {
  readonly graph: Graph;
  readonly weights: Weights;
  /** Before the names of nodes and constants: 'encoder.', 'head.'. */
  readonly prefix: string;
  /** Whether batch normalisation becomes a part of the layer before it. */
  readonly fold: boolean;
}

/** In evaluation mode, batch normalisation is x·scale + offset for each channel. */
function scaleAndOffset(weights: Weights, norm: string): { scale: Float64Array; offset: Float64Array } {
  const [gamma, beta, mean, variance] = normalization.map((part) => weightOf(weights, `${norm}.${part}`).data) as [
    Float32Array,
    Float32Array,
    Float32Array,
    Float32Array,
  ];
  const scale = Float64Array.from(gamma, (g, c) => g / Math.sqrt((variance[c] as number) + kBatchNormEpsilon));
  const offset = Float64Array.from(beta, (b, c) => b - (mean[c] as number) * (scale[c] as number));
  return { scale, offset };
}

const normalization = ['weight', 'bias', 'running_mean', 'running_var'] as const;

/** Rows (output channels) of a weight, each times its scale. In double precision, rounded once. */
function scaleRows({ shape, data }: Weight, scale: Float64Array): Weight {
  const scaled = new Float32Array(data.length);
  const row = data.length / scale.length;
  for (let c = 0; c < scale.length; c++) {
    const factor = scale[c] as number;
    for (let i = c * row; i < (c + 1) * row; i++) scaled[i] = (data[i] as number) * factor;
  }
  return { shape, data: scaled };
}

/** A layer without bias, `op`, and the batch normalisation that follows it. */
function normalized(
  { graph, weights, prefix, fold }: Target,
  op: 'Conv' | 'Gemm',
  [layer, norm]: readonly [layer: string, norm: string],
  x: string,
  attributes: Parameters<Graph['add']>[3],
): string {
  const weight = weightOf(weights, `${layer}.weight`);
  const name = `${prefix}${layer}`;
  if (fold) {
    const { scale, offset } = scaleAndOffset(weights, norm);
    const folded = graph.constant(`${name}.weight`, scaleRows(weight, scale));
    const bias = graph.constant(`${name}.bias`, { shape: [offset.length], data: Float32Array.from(offset) });
    return graph.add(op, name, [x, folded, bias], attributes);
  }
  const y = graph.add(op, name, [x, graph.constant(`${name}.weight`, weight)], attributes);
  const parts = normalization.map((part) =>
    graph.constant(`${prefix}${norm}.${part}`, weightOf(weights, `${norm}.${part}`)),
  );
  return graph.add('BatchNormalization', `${prefix}${norm}`, [y, ...parts], { epsilon: { float: kBatchNormEpsilon } });
}

export interface ConvOptions {
  readonly conv: string;
  readonly norm: string;
  readonly stride?: number;
}

/** (batch, in, h, w) → (batch, out, h / stride, w / stride): a convolution without bias, then batch normalisation. */
export function convNorm(target: Target, x: string, { conv, norm, stride = 1 }: ConvOptions): string {
  const kernel = weightOf(target.weights, `${conv}.weight`).shape[2] as number;
  const pad = Math.floor(kernel / 2);
  return normalized(target, 'Conv', [conv, norm], x, {
    kernel_shape: [kernel, kernel],
    strides: [stride, stride],
    pads: [pad, pad, pad, pad],
  });
}

/** (batch, in) → (batch, out): a linear layer with its bias, or with the batch normalisation in its place. */
export function linear(target: Target, x: string, layer: string, norm?: string): string {
  const transposed = { transB: 1 }; // weights are (out, in)
  if (norm !== undefined) return normalized(target, 'Gemm', [layer, norm], x, transposed);
  const { graph, weights, prefix } = target;
  const [weight, bias] = ['weight', 'bias'].map((part) =>
    graph.constant(`${prefix}${layer}.${part}`, weightOf(weights, `${layer}.${part}`)),
  ) as [string, string];
  return graph.add('Gemm', `${prefix}${layer}`, [x, weight, bias], transposed);
}

export const relu = ({ graph }: Target, x: string): string => graph.add('Relu', `${x}.relu`, [x]);

/** (batch, dim) → rows of length 1; a row of zeros stays one. `name` is before the names of the nodes. */
export function l2Normalize(graph: Graph, x: string, name: string): string {
  const least = graph.constant(`${name}.epsilon`, { shape: [], data: Float32Array.of(kNormEpsilon) });
  const length = graph.add('ReduceL2', `${name}.length`, [x], { axes: [1], keepdims: 1 });
  return graph.add('Div', name, [x, graph.add('Max', `${name}.divisor`, [length, least])]);
}
