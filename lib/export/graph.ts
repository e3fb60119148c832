/** A graph in the making: nodes by their order of computation, and the constants that they read. */
import type { DType, TypedArray } from '../native/addon.ts';
import { type Attribute, type Constant, elementTypes, type Node, type OnnxModel } from './onnx-model.ts';
import type { KnownSize, Size } from './sizes.ts';

/** A tensor of the graph: what it is called, and what it is. */
export interface Value {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly Size[];
}

export type Parts = Pick<OnnxModel, 'nodes' | 'constants'>;

/** Without constants that no node reads. */
export function withoutUnread({ nodes, constants }: Parts): Parts {
  const read = new Set(nodes.flatMap(({ inputs }) => inputs));
  return { nodes, constants: constants.filter(({ name }) => read.has(name)) };
}

const arrays = {
  float32: Float32Array,
  float64: Float64Array,
  int32: Int32Array,
  uint8: Uint8Array,
  bool: Uint8Array,
} as const;

export class Graph {
  readonly #nodes: Node[] = [];
  readonly #constants: Constant[] = [];
  /** Names of constants by what they hold. */
  readonly #own = new Map<string, string>();
  readonly #taken = new Map<string, number>();
  readonly #input: string;
  #batch: string | undefined;
  /** Names of nodes begin with it: those of the layer or operation that they are part of. */
  scope = '';

  /** @param reserved names that no node may take. The first is the input's, whose first dimension is the batch. */
  constructor(reserved: readonly [string, ...string[]]) {
    [this.#input] = reserved;
    for (const name of reserved) this.#taken.set(name, 1);
  }

  /** Adds a node with one output; returns the output's name. An input that is undefined is left out. */
  add(
    op: string,
    inputs: readonly (string | undefined)[],
    attributes: Readonly<Record<string, Attribute>> = {},
  ): string {
    const output = this.#unique(this.scope);
    const last = inputs.findLastIndex((input) => input !== undefined);
    this.#nodes.push({ op, inputs: inputs.slice(0, last + 1).map((input) => input ?? ''), output, attributes });
    return output;
  }

  #unique(name: string): string {
    const count = this.#taken.get(name) ?? 0;
    this.#taken.set(name, count + 1);
    return count === 0 ? name : this.#unique(`${name}.${count}`);
  }

  /** Adds a constant; returns its name. */
  constant(name: string, dtype: DType, shape: readonly number[], data: TypedArray): string {
    const unique = this.#unique(name);
    this.#constants.push({ name: unique, dtype, shape, data });
    return unique;
  }

  /** One of the graph's own constants, which is added when it is first asked for. */
  #shared(key: string, dtype: DType, shape: readonly number[], data: () => TypedArray): string {
    const name = this.#own.get(key) ?? this.constant(key, dtype, shape, data());
    this.#own.set(key, name);
    return name;
  }

  /** A constant of one value, of no dimensions. */
  scalar(value: number, dtype: DType): string {
    return this.filled(value, dtype, []);
  }

  /** A constant of one value in every place. */
  filled(value: number, dtype: DType, shape: readonly number[]): string {
    if (dtype === 'bfloat16' || dtype === 'float16')
      return this.cast({ name: this.filled(value, 'float32', shape), dtype: 'float32' }, dtype);
    const size = shape.reduce((product, n) => product * n, 1);
    return this.#shared(`${['filled', dtype, value, ...shape].join('_')}`, dtype, shape, () =>
      dtype === 'int64' ? new BigInt64Array(size).fill(BigInt(value)) : new arrays[dtype](size).fill(value),
    );
  }

  /** A constant of one dimension, such as shapes and axes are. */
  integers(values: readonly number[]): string {
    const data = (): TypedArray => BigInt64Array.from(values, BigInt);
    return this.#shared(['integers', ...values].join('_'), 'int64', [values.length], data);
  }

  /** The same where some may be multiples of the batch size. */
  sizes(sizes: readonly KnownSize[]): string {
    if (sizes.every((size) => typeof size === 'number')) return this.integers(sizes);
    const parts = sizes.map((size) => {
      if (typeof size === 'number') return this.integers([size]);
      const batch = this.#batchSize();
      return size.batch === 1 ? batch : this.add('Mul', [batch, this.integers([size.batch])]);
    });
    return parts.length === 1 ? (parts[0] as string) : this.add('Concat', parts, { axis: 0 });
  }

  #batchSize(): string {
    this.#batch ??= this.add('Shape', [this.#input], { start: 0, end: 1 });
    return this.#batch;
  }

  /** The value's name, or that of it as another type. */
  cast({ name, dtype }: Pick<Value, 'name' | 'dtype'>, to: DType): string {
    return dtype === to ? name : this.add('Cast', [name], { to: elementTypes[to] });
  }

  /** All that a value needs, in order. The value gets the name `output`. */
  finish(value: string, output: string): Parts {
    const rename = (name: string): string => (name === value ? output : name);
    const isMade = this.#nodes.some((node) => node.output === value);
    const nodes = isMade
      ? this.#nodes.map((node) => ({ ...node, inputs: node.inputs.map(rename), output: rename(node.output) }))
      : [{ op: 'Identity', inputs: [value], output, attributes: {} }];
    const needed = new Set([output]);
    const kept = nodes.reverse().filter((node) => {
      if (needed.has(node.output)) for (const input of node.inputs) needed.add(input);
      return needed.has(node.output);
    });
    return withoutUnread({ nodes: kept.reverse(), constants: this.#constants });
  }
}
