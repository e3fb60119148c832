/** Batch normalisation as a part of the convolution or linear layer before it: fewer operations, equal up to rounding. */
import { type Parts, withoutUnread } from './graph.ts';
import type { Constant, Node } from './onnx-model.ts';

/** Where nothing else reads what the layer gives, and all numbers are constants. */
export function foldBatchNorm({ nodes, constants }: Parts): Parts {
  const byName = new Map(constants.map((constant) => [constant.name, constant]));
  const makers = new Map(nodes.map((node) => [node.output, node]));
  const uses = new Map<string, number>();
  for (const name of nodes.flatMap(({ inputs }) => inputs)) uses.set(name, (uses.get(name) ?? 0) + 1);

  const gone = new Set<Node>();
  const added: Constant[] = [];
  const both = (norm: Node): Node => {
    const layer = makers.get(norm.inputs[0] as string);
    if (norm.op !== 'BatchNormalization' || layer === undefined || uses.get(layer.output) !== 1) return norm;
    if (!hasRows(layer)) return norm;
    const [x = '', ...own] = layer.inputs;
    const [weight, bias] = own.map((name) => byName.get(name));
    const parts = norm.inputs.slice(1).map((name) => byName.get(name));
    if (weight === undefined || (own.length > 1 && bias === undefined) || !areAll(parts)) return norm;

    const { scale, offset } = scaleAndOffset(parts, (norm.attributes.epsilon as { float: number }).float);
    const before = bias?.data as Float32Array | undefined;
    const after = Float32Array.from(offset, (value, c) => value + (before?.[c] ?? 0) * (scale[c] as number));
    const folded: Constant[] = [
      { ...weight, name: `${layer.output}.folded.weight`, data: scaleRows(weight.data as Float32Array, scale) },
      { name: `${layer.output}.folded.bias`, dtype: 'float32', shape: [after.length], data: after },
    ];
    gone.add(layer);
    added.push(...folded);
    return { ...layer, inputs: [x, ...folded.map(({ name }) => name)], output: norm.output };
  };
  const merged = nodes.map(both).filter((node) => !gone.has(node));
  return withoutUnread({ nodes: merged, constants: [...constants, ...added] });
}

/** Whether the rows of a layer's weight are those of its output channels. */
const hasRows = ({ op, attributes }: Node): boolean => op === 'Conv' || (op === 'Gemm' && attributes.transB === 1);

const areAll = (parts: readonly (Constant | undefined)[]): parts is readonly Constant[] => !parts.includes(undefined);

/** By its running statistics, batch normalisation is x·scale + offset for each channel. */
function scaleAndOffset(parts: readonly Constant[], epsilon: number): { scale: Float64Array; offset: Float64Array } {
  const [gamma, beta, mean, variance] = parts.map(({ data }) => Float64Array.from(data as Float32Array)) as [
    Float64Array,
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  const scale = gamma.map((g, c) => g / Math.sqrt((variance[c] as number) + epsilon));
  const offset = beta.map((b, c) => b - (mean[c] as number) * (scale[c] as number));
  return { scale, offset };
}

/** Rows (output channels) of a weight, each times its scale. In double precision, rounded once. */
function scaleRows(data: Float32Array, scale: Float64Array): Float32Array {
  const scaled = new Float32Array(data.length);
  const row = data.length / scale.length;
  for (const [c, factor] of scale.entries())
    for (let i = c * row; i < (c + 1) * row; i++) scaled[i] = (data[i] as number) * factor;
  return scaled;
}
