/** What all optimizers share: named parameters, an update on the compute thread, a state for checkpoints. */
import { types } from 'node:util';
import { OptionError } from '../errors.ts';
import { loadAddon, type OptimizerHandle } from '../native/addon.ts';
import { guard, newJob } from '../native/errors.ts';
import { flags, outsideTidy } from '../tensor/modes.ts';
import { Tensor } from '../tensor/tensor.ts';
import { checkOptions, describe, expectNumber } from '../validate.ts';

/** `module.parameters()`, or named: `module.namedParameters()`. Names appear in the state dict; without them, indices. */
export type Parameters = Iterable<Tensor> | ReadonlyMap<string, Tensor>;

export interface StepOptions {
  /** The learning rate of this step; default `optimizer.lr`. */
  readonly lr?: number;
}

function named(parameters: Parameters): Map<string, Tensor> {
  const list = typeof parameters?.[Symbol.iterator] === 'function' ? [...parameters] : undefined;
  if (list === undefined || list.length === 0)
    throw new OptionError(`parameters must be a non-empty iterable of tensors, got ${describe(parameters)}`);
  const entries = types.isMap(parameters) ? [...parameters] : list.map((value, i) => [String(i), value] as const);
  for (const [name, value] of entries as [string, unknown][])
    if (!(value instanceof Tensor))
      throw new OptionError(`parameters must hold tensors; '${name}' is ${describe(value)}`);
  return new Map(entries as [string, Tensor][]);
}

export abstract class Optimizer {
  /** @internal */
  readonly handle: OptimizerHandle;
  readonly #parameters: readonly Tensor[];
  readonly #state: ReadonlyMap<string, Tensor>;
  #lr: number;

  /** @internal Use `new SGD(…)`, `new AdamW(…)`, `new LARS(…)`. */
  protected constructor(kind: 'sgd' | 'adamw' | 'lars', parameters: Parameters, lr: number, options: object) {
    const all = named(parameters);
    const addon = loadAddon();
    this.#lr = expectNumber('lr', lr, { min: 0 });
    this.#parameters = [...all.values()];
    const handles = this.#parameters.map((parameter) => parameter.handle);
    this.handle = guard(() => addon.makeOptimizer(kind, [...all.keys()], handles, options));
    const state = Object.entries(guard(() => addon.optimizerState(this.handle, flags(), newJob())));
    this.#state = outsideTidy(() => new Map(state.map(([name, handle]) => [name, new Tensor(handle)])));
  }

  /** The learning rate of step(). */
  get lr(): number {
    return this.#lr;
  }

  set lr(value: number) {
    this.#lr = expectNumber('lr', value, { min: 0 });
  }

  /** Updates every parameter that has a gradient. */
  step(options: StepOptions = {}): void {
    checkOptions('step', options, ['lr']);
    const lr = options.lr === undefined ? this.#lr : expectNumber('lr', options.lr, { min: 0 });
    const job = newJob(this.step);
    guard(() => loadAddon().optimizerStep(this.handle, lr, flags(), job));
  }

  /** Drops the gradients. As PyTorch's zero_grad(set_to_none=True). */
  zeroGrad(): void {
    const job = newJob(this.zeroGrad);
    guard(() => loadAddon().optimizerZeroGrad(this.handle, flags(), job));
    for (const parameter of this.#parameters) parameter.noteGradCleared();
  }

  /** Momentum buffers and the like, named '<parameter>.<slot>'; live handles. The learning rate is not part of it. */
  stateDict(): ReadonlyMap<string, Tensor> {
    return this.#state;
  }

  /**
   * Copies a state that stateDict() gave.
   * @throws {StateError} a name that is missing or left over; {ShapeError} a tensor of another shape.
   */
  loadStateDict(state: ReadonlyMap<string, Tensor>): void {
    const job = newJob(this.loadStateDict);
    const handles = [...state.values()].map((value) => value.handle);
    guard(() => loadAddon().optimizerLoadState(this.handle, [...state.keys()], handles, flags(), job));
  }

  /** Frees the state now; the parameters stay. */
  dispose(): void {
    for (const value of this.#state.values()) value.dispose();
    guard(() => loadAddon().optimizerDispose(this.handle));
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
