/**
 * Tensors on a stream: an operation enqueues and returns a handle at once, whose shape and dtype are known at once;
 * reads are promises. Methods for libtorch's operators are generated in ops.ts.
 */
import { ShapeError, StateError } from '../errors.ts';
import { type DType, loadAddon, type TensorHandle, type TypedArray } from '../native/addon.ts';
import { guard, guardAsync } from '../native/errors.ts';
import { newJob } from '../native/jobs.ts';
import { checkNames } from '../options/names.ts';
import { expectNumber } from '../validate.ts';
import { invoke } from './door.ts';
import { flags, noteInScope, streamIn } from './modes.ts';
import { flatArray, type NestedArray, nest, type TensorData } from './nested.ts';
import { refuseWhileRecording } from './recorder.ts';

export type { DType, TypedArray };

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

/** A backward pass was enqueued by another way than backward(): a recording that holds one, or an operation of a training. */
export function noteBackward(): void {
  backwards++;
}

/** A handle of a native tensor. Made by `tensor()` and by operations. */
export class Tensor {
  /** @internal */
  handle: TensorHandle;
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

  /** Whether a gradient ends here: a tensor that no recorded operation made. As torch.Tensor.is_leaf. */
  get isLeaf(): boolean {
    return guard(() => loadAddon().describe(this.handle)).isLeaf ?? true;
  }

  set requiresGrad(on: boolean) {
    invoke(invoke, 'require_gradient', [this.handle, on]);
  }

  get isDisposed(): boolean {
    return this.#disposed;
  }

  /** Resolves once the job that makes this tensor has run; rejects with its error. Shape and dtype are known then. */
  ready(): Promise<this> {
    refuseWhileRecording('ready()', this.ready);
    const described = guardAsync(guard(() => loadAddon().ready(this.handle, flags())));
    return described.then(({ shape, dtype }) => {
      this.#description = { shape: Object.freeze(shape), dtype };
      return this;
    });
  }

  /** The elements in row-major order. bfloat16 and float16 arrive as float32, int64 as BigInt64Array, bool as 0 and 1. */
  data(): Promise<TypedArray> {
    refuseWhileRecording('data()', this.data);
    return guardAsync(guard(() => loadAddon().read(this.handle, flags(), false)));
  }

  /** @internal As data(), but the failure of a backward() or an update of others is left for their own reads. */
  ownData(): Promise<TypedArray> {
    return guardAsync(guard(() => loadAddon().read(this.handle, flags(), true)));
  }

  /** As data(), but blocks the JavaScript thread until everything enqueued before has run. */
  dataSync(): TypedArray {
    refuseWhileRecording('dataSync()', this.dataSync);
    return guard(() => loadAddon().readSync(this.handle, flags()));
  }

  /** The value of a tensor of one element. */
  item(): Promise<number> {
    refuseWhileRecording('item()', this.item);
    return this.data().then(only);
  }

  /** As item(), but blocks the JavaScript thread. */
  itemSync(): number {
    refuseWhileRecording('itemSync()', this.itemSync);
    return only(this.dataSync());
  }

  /** The elements as nested arrays of numbers. */
  toArray(): Promise<NestedArray> {
    refuseWhileRecording('toArray()', this.toArray);
    return this.data().then((values) => nest(values, this.shape));
  }

  /**
   * Computes the gradients of this tensor in every leaf that requires them. As torch.Tensor.backward.
   * @param gradient of this tensor's shape; needed unless it has one element.
   */
  backward(gradient?: Tensor, options: { readonly retainGraph?: boolean } = {}): void {
    checkNames('backward', options, ['retainGraph']);
    invoke(this.backward, 'backward', [this.handle, gradient?.handle, options.retainGraph ?? false]);
    backwards++;
  }

  /**
   * The accumulated gradient; null before any backward(), for a tensor that requires none, and for the result of an
   * operation. Reading one that no backward() has reached is an ERR_AUTOGRAD.
   */
  get grad(): Tensor | null {
    if (this.#clearedAt === backwards) return null;
    const { requiresGrad = true, isLeaf = true } = guard(() => loadAddon().describe(this.handle));
    return requiresGrad && isLeaf ? new Tensor(invoke(invoke, 'gradient_of', [this.handle]) as TensorHandle) : null;
  }

  /** Drops the gradient. As PyTorch's zero_grad(set_to_none=True). */
  zeroGrad(): void {
    invoke(this.zeroGrad, 'drop_gradients', [[this.handle]]);
    this.noteGradCleared();
  }

  /** @internal An optimizer has dropped the gradient. */
  noteGradCleared(): void {
    this.#clearedAt = backwards;
  }

  /** This tensor with another dtype or on another device; differentiable. */
  to(target: DType | string | { readonly dtype?: DType; readonly device?: string }): Tensor {
    const { dtype, device } = typeof target === 'string' ? parseTarget(target) : target;
    if (typeof target !== 'string') checkNames('to', target, ['dtype', 'device']);
    const moves = device !== undefined && device !== this.device;
    const [name, args] = moves
      ? ['move', [this.handle, device, dtype]]
      : ['aten::to.dtype', [this.handle, dtype ?? this.dtype]];
    return new Tensor(invoke(this.to, name as string, args as unknown[]) as TensorHandle);
  }

  /** @internal The same tensor behind another handle: it has moved to another device, or is of another dtype. */
  rebind(handle: TensorHandle): void {
    guard(() => loadAddon().dispose(this.handle));
    this.handle = handle;
    this.#description = undefined;
  }

  /** @internal Gives the native tensor to another owner; this object is then as one that was disposed. */
  release(): TensorHandle {
    this.#disposed = true;
    return this.handle;
  }

  /** Frees the native memory now, rather than when the handle is collected. Queued operations keep what they need. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    guard(() => loadAddon().forget(this.handle));
    this.handle = loadAddon().disposed;
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

/**
 * A tensor from data.
 *
 * @param data nested arrays, a number, or a typed array with `shape` (default: one dimension). Typed arrays may be the
 * rows of an array, as in `tensor(vectors)` for the vectors of an embedder.
 * @throws {ShapeError} ragged arrays, or data that do not fill `shape`.
 * @throws {DTypeError} a value that `dtype` cannot hold, or a typed array of another kind.
 * @throws {DeviceError} a device that is not there; the message says why.
 */
export function tensor(data: TensorData, options: TensorOptions & { readonly shape?: readonly number[] } = {}): Tensor {
  checkNames('tensor', options, ['dtype', 'device', 'requiresGrad', 'shape']);
  const { array, shape: natural, dtype } = flatArray(data, options.dtype);
  const shape = options.shape ?? natural;
  for (const n of shape) expectNumber('shape', n, { min: 0, integer: true });
  const { device = 'cpu', requiresGrad = false } = options;
  const modes = flags();
  const job = newJob(tensor, streamIn(modes));
  return new Tensor(guard(() => loadAddon().fromData(array, shape, dtype, device, requiresGrad, modes, job)));
}
