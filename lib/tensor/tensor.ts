/**
 * Tensors on a stream: an operation enqueues and returns a handle at once, whose shape and dtype are known at once;
 * reads are promises. Methods for libtorch's operators are generated in ops.ts.
 */
import { DTypeError, ShapeError, StateError } from '../errors.ts';
import { type DType, loadAddon, type TensorHandle, type TypedArray } from '../native/addon.ts';
import { guard, guardAsync, newJob } from '../native/errors.ts';
import { checkOptions, describe, expectNumber } from '../validate.ts';
import { flags, noteInScope } from './modes.ts';

export type { DType, TypedArray };

/** Nested arrays of numbers, booleans or bigints, as in torch.tensor([[1, 2], [3, 4]]). */
export type NestedArray = number | boolean | bigint | readonly NestedArray[];

export interface TensorOptions {
  /** Default: that of a typed array; 'float32' for numbers, 'bool' for booleans, 'int64' for bigints. */
  readonly dtype?: DType;
  /** 'cpu' (default), 'cuda', 'cuda:N', 'mps', or 'auto'. */
  readonly device?: string;
  /** Default false. */
  readonly requiresGrad?: boolean;
}

// Moves with every backward() and zeroGrad(): tells whether a tensor can have a gradient at all.
let backwards = 0;

/** A handle of a native tensor. Made by `tensor()` and by operations. */
export class Tensor {
  /** @internal */
  readonly handle: TensorHandle;
  #description: { shape: readonly number[]; dtype: DType } | undefined;
  #disposed = false;
  #clearedAt = backwards;

  /** @internal Use `tensor()`. */
  constructor(handle: TensorHandle) {
    this.handle = handle;
    noteInScope(this);
  }

  #describe(): { shape: readonly number[]; dtype: DType } {
    if (this.#description) return this.#description;
    const { shape, dtype } = guard(() => loadAddon().describe(this.handle));
    if (shape === undefined || dtype === undefined)
      throw new StateError('the shape of this tensor depends on data that is not computed yet; `await ready()` first');
    this.#description = { shape: Object.freeze(shape), dtype };
    return this.#description;
  }

  /** Sizes of the dimensions; [] for a scalar. */
  get shape(): readonly number[] {
    return this.#describe().shape;
  }

  get dtype(): DType {
    return this.#describe().dtype;
  }

  /** Number of dimensions. */
  get ndim(): number {
    return this.shape.length;
  }

  /** Number of elements. */
  get size(): number {
    return this.shape.reduce((product, n) => product * n, 1);
  }

  get device(): string {
    return guard(() => loadAddon().describe(this.handle)).device;
  }

  get requiresGrad(): boolean {
    return guard(() => loadAddon().describe(this.handle)).requiresGrad ?? false;
  }

  set requiresGrad(on: boolean) {
    const job = newJob();
    guard(() => loadAddon().setRequiresGrad(this.handle, on, flags(), job));
  }

  get isDisposed(): boolean {
    return this.#disposed;
  }

  /** Resolves once the job that makes this tensor has run; rejects with its error. Shape and dtype are known then. */
  async ready(): Promise<this> {
    const { shape, dtype } = await guardAsync(guard(() => loadAddon().ready(this.handle, flags())));
    this.#description = { shape: Object.freeze(shape), dtype };
    return this;
  }

  /** The elements in row-major order. bfloat16 and float16 arrive as float32, int64 as BigInt64Array, bool as 0 and 1. */
  data(): Promise<TypedArray> {
    return guardAsync(guard(() => loadAddon().read(this.handle, flags())));
  }

  /** As data(), but blocks the JavaScript thread until everything enqueued before has run. */
  dataSync(): TypedArray {
    return guard(() => loadAddon().readSync(this.handle, flags()));
  }

  /** The value of a tensor of one element. */
  async item(): Promise<number> {
    return only(await this.data());
  }

  /** As item(), but blocks the JavaScript thread. */
  itemSync(): number {
    return only(this.dataSync());
  }

  /** The elements as nested arrays of numbers. */
  async toArray(): Promise<NestedArray> {
    const values = await this.data();
    return nest(values, this.shape);
  }

  /**
   * Computes the gradients of this tensor in every leaf that requires them. As torch.Tensor.backward.
   * @param gradient of this tensor's shape; needed unless it has one element.
   */
  backward(gradient?: Tensor, options: { readonly retainGraph?: boolean } = {}): void {
    checkOptions('backward', options, ['retainGraph']);
    const job = newJob(this.backward);
    guard(() => loadAddon().backward(this.handle, gradient?.handle, options.retainGraph ?? false, flags(), job));
    backwards++;
  }

  /**
   * The accumulated gradient; null before any backward(), for a tensor that requires none, and for the result of an
   * operation. Reading one that no backward() has reached is an ERR_AUTOGRAD.
   */
  get grad(): Tensor | null {
    if (this.#clearedAt === backwards) return null;
    const job = newJob();
    const handle = guard(() => loadAddon().grad(this.handle, flags(), job));
    return handle === null ? null : new Tensor(handle);
  }

  /** Drops the gradient. As PyTorch's zero_grad(set_to_none=True). */
  zeroGrad(): void {
    const job = newJob(this.zeroGrad);
    guard(() => loadAddon().zeroGrad(this.handle, flags(), job));
    this.noteGradCleared();
  }

  /** @internal An optimizer has dropped the gradient. */
  noteGradCleared(): void {
    this.#clearedAt = backwards;
  }

  /** This tensor with another dtype or on another device; differentiable. */
  to(target: DType | string | { readonly dtype?: DType; readonly device?: string }): Tensor {
    const { dtype, device } = typeof target === 'string' ? parseTarget(target) : target;
    if (typeof target !== 'string') checkOptions('to', target, ['dtype', 'device']);
    const job = newJob(this.to);
    return new Tensor(guard(() => loadAddon().to(this.handle, dtype, device, flags(), job)));
  }

  /** Frees the native memory now, rather than when the handle is collected. Queued operations keep what they need. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    guard(() => loadAddon().dispose(this.handle));
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  toString(): string {
    return this.#disposed ? 'Tensor(disposed)' : `Tensor([${this.shape.join(', ')}], ${this.dtype}, ${this.device})`;
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString();
  }
}

const dtypes: readonly string[] = ['float32', 'float64', 'bfloat16', 'float16', 'int64', 'int32', 'uint8', 'bool'];

function parseTarget(target: string): { dtype?: DType; device?: string } {
  return dtypes.includes(target) ? { dtype: target as DType } : { device: target };
}

function only(values: TypedArray): number {
  if (values.length !== 1)
    throw new ShapeError(`item() needs a tensor of one element, got one of ${values.length} elements`);
  return Number(values[0]);
}

function nest(values: TypedArray, shape: readonly number[]): NestedArray {
  let index = 0;
  const level = (depth: number): NestedArray =>
    depth === shape.length
      ? Number(values[index++])
      : Array.from({ length: shape[depth] as number }, () => level(depth + 1));
  return level(0);
}

const dtypeOfArray = (array: TypedArray): DType => {
  if (array instanceof Float32Array) return 'float32';
  if (array instanceof Float64Array) return 'float64';
  if (array instanceof BigInt64Array) return 'int64';
  if (array instanceof Int32Array) return 'int32';
  return 'uint8';
};

function shapeOf(data: NestedArray): number[] {
  if (!Array.isArray(data)) return [];
  const first = data[0] as NestedArray | undefined;
  return first === undefined ? [0] : [data.length, ...shapeOf(first)];
}

/** Writes nested arrays row-major into `out`; every level must have the size that the first element has there. */
function flatten(data: NestedArray, shape: readonly number[], depth: number, out: (number | boolean | bigint)[]): void {
  const expected = depth < shape.length ? `an array of ${shape[depth]}` : 'a number';
  if (Array.isArray(data) ? data.length !== shape[depth] : depth < shape.length)
    throw new ShapeError(
      `data must be nested arrays of equal sizes: expected ${expected} at depth ${depth}, got ${describe(data)}`,
    );
  if (Array.isArray(data)) for (const inner of data) flatten(inner, shape, depth + 1, out);
  else if (typeof data === 'number' || typeof data === 'boolean' || typeof data === 'bigint') out.push(data);
  else throw new DTypeError(`data must hold numbers, booleans or bigints, got ${describe(data)}`);
}

const integerRanges: Partial<Record<DType, readonly [number, number]>> = {
  int64: [-(2 ** 63), 2 ** 63 - 1024], // the doubles that an int64 can hold
  int32: [-(2 ** 31), 2 ** 31 - 1],
  uint8: [0, 255],
};

/** As torch.tensor: fractions are cut off, what an integer dtype cannot hold is refused. */
function arrayOf(values: readonly (number | boolean | bigint)[], dtype: DType): TypedArray {
  if (dtype === 'int64' && values.some((value) => typeof value === 'bigint')) {
    for (const value of values)
      if (typeof value === 'bigint' ? BigInt.asIntN(64, value) !== value : !Number.isInteger(Number(value)))
        throw new DTypeError(`data for dtype 'int64' must be 64-bit integers, got ${describe(value)}`);
    return BigInt64Array.from(values, (value) => BigInt(value));
  }
  const range = integerRanges[dtype];
  if (range !== undefined)
    for (const value of values)
      if (!(Number(value) >= range[0] && Number(value) <= range[1]))
        throw new DTypeError(
          `data for dtype '${dtype}' must be from ${range[0]} to ${range[1]}, got ${describe(value)}`,
        );
  return dtype === 'float32' ? Float32Array.from(values, Number) : Float64Array.from(values, Number);
}

function dtypeOfValue(value: NestedArray | undefined): DType {
  if (typeof value === 'boolean') return 'bool';
  return typeof value === 'bigint' ? 'int64' : 'float32';
}

const deepest = (data: NestedArray): NestedArray | undefined =>
  Array.isArray(data) ? deepest(data[0] as NestedArray) : data;

/**
 * A tensor from data.
 *
 * @param data nested arrays, a number, or a typed array with `shape` (default: one dimension).
 * @throws {ShapeError} ragged arrays, or data that do not fill `shape`.
 * @throws {DTypeError} a value that `dtype` cannot hold, or a typed array of another kind.
 * @throws {DeviceError} a device that is not there; the message says why.
 */
export function tensor(
  data: NestedArray | TypedArray,
  options: TensorOptions & { readonly shape?: readonly number[] } = {},
): Tensor {
  checkOptions('tensor', options, ['dtype', 'device', 'requiresGrad', 'shape']);
  let array: TypedArray;
  let shape: readonly number[];
  let dtype: DType;
  if (ArrayBuffer.isView(data)) {
    array = data;
    shape = options.shape ?? [array.length];
    dtype = options.dtype ?? dtypeOfArray(array);
  } else {
    const nested = data as NestedArray;
    const natural = shapeOf(nested);
    const values: (number | boolean | bigint)[] = [];
    flatten(nested, natural, 0, values);
    shape = options.shape ?? natural;
    dtype = options.dtype ?? dtypeOfValue(deepest(nested));
    array = arrayOf(values, dtype);
  }
  for (const n of shape) expectNumber('shape', n, { min: 0, integer: true });
  const job = newJob(tensor);
  return new Tensor(
    guard(() =>
      loadAddon().fromData(array, shape, dtype, options.device ?? 'cpu', options.requiresGrad ?? false, flags(), job),
    ),
  );
}
