/** What all optimizers share: named parameters, an update in place, a state for checkpoints. */
import { types } from 'node:util';
import { DTypeError, errorOf, OptionError, ShapeError, StateError } from '../errors.ts';
import { callEffect } from '../tensor/call.ts';
import { noGrad, outsideTidy } from '../tensor/modes.ts';
import * as ops from '../tensor/ops.ts';
import { madeAtEachCall } from '../tensor/recording.ts';
import { Tensor, tensor } from '../tensor/tensor.ts';
import { checkOptions, describe, expectNumber } from '../validate.ts';

/** `module.parameters()`, or named: `module.namedParameters()`. Names appear in the state dict; without them, indices. */
export type Parameters = Iterable<Tensor> | ReadonlyMap<string, Tensor>;

export interface StepOptions {
  /**
   * The learning rate of this step; default `optimizer.lr`. In a compiled function, where numbers are constants, a tensor of
   * no dimensions on the CPU: an argument of the function.
   */
  readonly lr?: number | Tensor;
}

/** A part of the state that each parameter has: numbers of its shape, or one float32. All begin as zeros. */
export interface Slot {
  readonly name: string;
  readonly isScalar?: boolean;
}

/** What an update works on. */
export interface UpdateInputs {
  readonly parameters: readonly Tensor[];
  /** For each slot, a tensor a parameter. */
  readonly slots: readonly (readonly Tensor[])[];
  /** float64 () */
  readonly learningRate: Tensor;
  /** For an update that leaves all as it was where something is not finite: the status and the norm of native/optim/update.h. */
  readonly guard: { readonly status?: Tensor; readonly largest?: Tensor };
}

function named(parameters: Parameters): Map<string, Tensor> {
  const list = typeof parameters?.[Symbol.iterator] === 'function' ? [...parameters] : undefined;
  if (list === undefined || list.length === 0)
    throw new OptionError(`parameters must be a non-empty iterable of tensors, got ${describe(parameters)}`);
  const entries = types.isMap(parameters) ? [...parameters] : list.map((value, i) => [String(i), value] as const);
  for (const [name, value] of entries as [string, unknown][]) checkParameter(name, value);
  return new Map(entries as [string, Tensor][]);
}

function checkParameter(name: string, value: unknown): void {
  if (!(value instanceof Tensor))
    throw new OptionError(`parameters must hold tensors; '${name}' is ${describe(value)}`);
  if (!['float32', 'float64', 'bfloat16', 'float16'].includes(value.dtype))
    throw new DTypeError(`parameter '${name}' must be floating point, got ${value.dtype}`);
  if (!value.requiresGrad || !value.isLeaf)
    throw errorOf('ERR_AUTOGRAD', `parameter '${name}' must be a leaf tensor that requires a gradient`);
}

const sizes = (shape: readonly number[]): string => `[${shape.join(', ')}]`;

export abstract class Optimizer {
  readonly #parameters: readonly Tensor[];
  readonly #slots: readonly (readonly Tensor[])[];
  readonly #state: ReadonlyMap<string, Tensor>;
  /** Of what the last guarded update left behind, the largest norm; infinite where nobody knows. */
  readonly #largest: Tensor;
  #lr: number;
  #disposed = false;

  /** @internal Use `new SGD(…)`, `new AdamW(…)`, `new LARS(…)`. */
  protected constructor(parameters: Parameters, lr: number, slots: readonly Slot[]) {
    this.#lr = expectNumber('lr', lr, { min: 0 });
    const all = named(parameters);
    const [names, values] = [[...all.keys()], [...all.values()]];
    this.#parameters = values;
    // In the parameter's layout, which the update walks through in order.
    const zeros = (slot: Slot) => (parameter: Tensor) =>
      slot.isScalar ? ops.zeros([], { dtype: 'float32', device: parameter.device }) : ops.zerosLike(parameter);
    this.#slots = outsideTidy(() => slots.map((slot) => values.map(zeros(slot))));
    this.#largest = outsideTidy(() => tensor(Number.POSITIVE_INFINITY, { dtype: 'float64' }));
    this.#state = new Map(
      slots.flatMap(({ name }, s) => names.map((of, i) => [`${of}.${name}`, this.#slots[s]?.[i] as Tensor] as const)),
    );
  }

  /** One update in place of every parameter that has a gradient; returns the status. */
  protected abstract update(inputs: UpdateInputs): Tensor;

  /** The learning rate of step(). */
  get lr(): number {
    return this.#lr;
  }

  set lr(value: number) {
    this.#lr = expectNumber('lr', value, { min: 0 });
  }

  /** @internal */
  get parameters(): readonly Tensor[] {
    return this.#parameters;
  }

  /** Updates every parameter that has a gradient. */
  step(options: StepOptions = {}): void {
    checkOptions('step', options, ['lr']);
    if (options.lr instanceof Tensor) {
      this.#update(options.lr, {}).dispose();
      return;
    }
    if (options.lr !== undefined) expectNumber('lr', options.lr, { min: 0 });
    // As it is at each call, in a compiled function too.
    using learningRate = madeAtEachCall(() =>
      tensor((options.lr as number | undefined) ?? this.#lr, { dtype: 'float64' }),
    );
    this.#update(learningRate, {}).dispose();
  }

  /**
   * @internal The update of a training step: done if every gradient is finite, and parameters and state stay so.
   * @param learningRate float64 ()
   * @param status int64 (), of lib/train/guard.ts; returned, as it is after the update.
   */
  stepIfFinite(learningRate: Tensor, status: Tensor): Tensor {
    return this.#update(learningRate, { status, largest: this.#largest });
  }

  #update(learningRate: Tensor, guard: UpdateInputs['guard']): Tensor {
    this.#check();
    return this.update({ parameters: this.#parameters, slots: this.#slots, learningRate, guard });
  }

  /** Drops the gradients. As PyTorch's zero_grad(set_to_none=True). */
  zeroGrad(): void {
    this.#check();
    callEffect('drop_gradients', [this.#parameters]);
    for (const parameter of this.#parameters) parameter.noteGradCleared();
  }

  /** Momentum buffers and the like, named '<parameter>.<slot>'; live handles. The learning rate is not part of it. */
  stateDict(): ReadonlyMap<string, Tensor> {
    return this.#state;
  }

  /**
   * Copies a state that stateDict() gave.
   * @throws {StateError} a name that is missing or left over; {ShapeError} a tensor of another shape. Nothing is copied then.
   */
  loadStateDict(state: ReadonlyMap<string, Tensor>): void {
    this.#check();
    for (const [name, { shape }] of state) {
      const own = this.#state.get(name);
      if (own === undefined) throw new StateError(`unknown optimizer state '${name}'`);
      if (sizes(shape) !== sizes(own.shape))
        throw new ShapeError(`optimizer state '${name}' must have shape ${sizes(own.shape)}, got ${sizes(shape)}`);
    }
    for (const name of this.#state.keys())
      if (!state.has(name)) throw new StateError(`the optimizer state lacks '${name}'`);
    noGrad(() => {
      for (const [name, value] of state) (this.#state.get(name) as Tensor).copy_(value).dispose();
      this.#largest.fill_(Number.POSITIVE_INFINITY).dispose();
    });
  }

  #check(): void {
    if (this.#disposed) throw new StateError('this optimizer was disposed');
  }

  /** Frees the state now; the parameters stay. */
  dispose(): void {
    this.#disposed = true;
    for (const value of this.#state.values()) value.dispose();
    this.#largest.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
