/** Encoders and heads: named parameters and a forward pass that runs natively, with gradients. */
import { OptionError, ShapeError, StateError } from '../errors.ts';
import { loadAddon, type ModuleHandle, type TensorHandle } from '../native/addon.ts';
import { guard, newJob } from '../native/errors.ts';
import { flags, noGrad, outsideTidy } from '../tensor/modes.ts';
import { copy_ } from '../tensor/ops.ts';
import { Tensor } from '../tensor/tensor.ts';
import { checkOptions, describe, expectBoolean } from '../validate.ts';

/** What makes the module again: its registered name and its options, as plain data. */
export interface ModuleConfig {
  readonly name: string;
  readonly [option: string]: boolean | number | string;
}

export interface LoadStateDictOptions {
  /** Whether a missing or an unknown name is an error. Default true. */
  readonly strict?: boolean;
}

export interface LoadStateDictResult {
  /** Names of the module that the state dict lacks. */
  readonly missing: readonly string[];
  /** Names of the state dict that the module lacks. */
  readonly unexpected: readonly string[];
}

// Counts batches and takes no part in the computation. Files written before PyTorch 0.4.1 lack it, torchvision's oldest
// weights among them; PyTorch loads those too.
const optionalName = /(^|\.)num_batches_tracked$/;

const tensorsOf = (handles: Record<string, TensorHandle>): Map<string, Tensor> =>
  outsideTidy(() => new Map(Object.entries(handles).map(([name, handle]) => [name, new Tensor(handle)])));

/**
 * An encoder or a head. Made by `resnet18()`, `projectionHead()` and the like, initialised, on the CPU, in training mode.
 *
 * The module owns its parameters: a tidy() around it leaves them, dispose() frees them.
 */
export class Module {
  /** @internal */
  readonly handle: ModuleHandle;
  readonly config: ModuleConfig;
  /** Length of the vectors that forward() returns. */
  readonly featureDim: number;
  #parameters: Map<string, Tensor>;
  #buffers: Map<string, Tensor>;
  #training = true;
  #disposed = false;

  /** @internal Use `resnet18()`, `projectionHead()` … */
  constructor(config: ModuleConfig) {
    const { name, ...options } = config;
    const addon = loadAddon();
    this.config = Object.freeze({ ...config });
    this.handle = guard(() => addon.makeModule(name, options));
    this.featureDim = addon.moduleFeatureDim(this.handle);
    this.#parameters = tensorsOf(addon.moduleParameters(this.handle));
    this.#buffers = tensorsOf(addon.moduleBuffers(this.handle));
  }

  /**
   * Runs the module. Under `autocast` in the lower precision.
   *
   * @param x for an encoder (batch, channels, height, width), for a head (batch, features); of the parameters' dtype.
   * @returns (batch, featureDim), differentiable in x and in the parameters.
   * @throws {ShapeError} x of another shape; {DTypeError} x of another dtype.
   */
  forward(x: Tensor): Tensor {
    if (!(x instanceof Tensor)) throw new OptionError(`x must be a Tensor, got ${describe(x)}`);
    const job = newJob(this.forward);
    return new Tensor(guard(() => loadAddon().moduleForward(this.handle, x.handle, flags(), job)));
  }

  /** The shape that forward() gives for an input of this shape. @throws {ShapeError} as forward() does. */
  outputShape(shape: readonly number[]): readonly number[] {
    return guard(() => loadAddon().moduleOutputShape(this.handle, shape));
  }

  /** What an optimizer trains, by torchvision's names; live. Take it again after to(). */
  namedParameters(): ReadonlyMap<string, Tensor> {
    this.#check();
    return this.#parameters;
  }

  /** What an optimizer trains; live. Take it again after to(). */
  parameters(): Tensor[] {
    return [...this.namedParameters().values()];
  }

  /** Running statistics of the normalisation layers, by name; live. */
  namedBuffers(): ReadonlyMap<string, Tensor> {
    this.#check();
    return this.#buffers;
  }

  /** Parameters and buffers by name; live handles, not copies. */
  stateDict(): ReadonlyMap<string, Tensor> {
    return new Map([...this.namedParameters(), ...this.namedBuffers()]);
  }

  /** The same module again, on the same device and in the same mode, with weights and running statistics of its own. */
  clone(): Module {
    const copy = new Module(this.config);
    try {
      copy.to(this.device).loadStateDict(this.stateDict());
      return this.training ? copy.train() : copy.eval();
    } catch (error) {
      copy.dispose();
      throw error;
    }
  }

  /**
   * Copies values into the parameters and buffers. `num_batches_tracked` may be missing.
   *
   * @throws {StateError} with `strict`, a name that is missing or left over; {ShapeError} a tensor of another shape.
   * Nothing is copied then.
   */
  loadStateDict(state: ReadonlyMap<string, Tensor>, options: LoadStateDictOptions = {}): LoadStateDictResult {
    checkOptions('loadStateDict', options, ['strict']);
    const strict = expectBoolean('strict', options.strict ?? true);
    const own = this.stateDict();
    const missing = [...own.keys()].filter((name) => !state.has(name) && !optionalName.test(name));
    const unexpected = [...state.keys()].filter((name) => !own.has(name));
    if (strict && missing.length > 0) throw new StateError(`the state dict lacks ${quoted(missing)}`);
    if (strict && unexpected.length > 0) throw new StateError(`the state dict holds unknown ${quoted(unexpected)}`);
    const pairs = [...own].flatMap(([name, target]) => {
      const source = state.get(name);
      return source === undefined ? [] : [{ name, target, source }];
    });
    for (const { name, target, source } of pairs)
      if (source.shape.length !== target.shape.length || source.shape.some((n, i) => n !== target.shape[i]))
        throw new ShapeError(`'${name}' must have shape [${target.shape}], got [${source.shape}]`);
    noGrad(() => {
      for (const { target, source } of pairs) copy_(target, source).dispose();
    });
    return { missing, unexpected };
  }

  /** Whether normalisation uses the statistics of the batch and updates the running ones. */
  get training(): boolean {
    return this.#training;
  }

  train(on = true): this {
    const training = expectBoolean('on', on);
    const job = newJob(this.train);
    guard(() => loadAddon().moduleTrain(this.handle, training, flags(), job));
    this.#training = training;
    return this;
  }

  /** As train(false). */
  eval(): this {
    return this.train(false);
  }

  get device(): string {
    return (this.namedParameters().values().next().value as Tensor).device;
  }

  /**
   * Moves parameters and buffers, in place.
   * @throws {DeviceError} a device that is not there; the message says why.
   */
  to(device: string): this {
    this.#check();
    const job = newJob(this.to);
    const moved = guard(() => loadAddon().moduleTo(this.handle, device, flags(), job));
    this.#disposeTensors();
    this.#parameters = tensorsOf(moved.parameters);
    this.#buffers = tensorsOf(moved.buffers);
    return this;
  }

  get isDisposed(): boolean {
    return this.#disposed;
  }

  /** Frees the native memory now. Queued operations keep what they need. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#disposeTensors();
    guard(() => loadAddon().moduleDispose(this.handle));
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #disposeTensors(): void {
    for (const map of [this.#parameters, this.#buffers]) for (const value of map.values()) value.dispose();
  }

  #check(): void {
    if (this.#disposed) throw new StateError('this module was disposed');
  }
}

/** "'a', 'b', 'c' and 59 more" */
function quoted(names: readonly string[]): string {
  const shown = names.slice(0, 3).map((name) => `'${name}'`);
  return names.length > 3 ? `${shown.join(', ')} and ${names.length - 3} more` : shown.join(', ');
}
