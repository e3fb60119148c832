/** What all optimizers share: named parameters, an update in place, a state for checkpoints. */
import { types } from 'node:util';
import { OptionError, ShapeError, StateError } from '../errors.ts';
import type { OptionsOf, OptionTable, ResolvedOf } from '../options/option.ts';
import { type Ramp, rampAt } from '../options/ramp.ts';
import { resolveOptions } from '../options/resolve.ts';
import { callEffect } from '../tensor/call.ts';
import * as internal from '../tensor/internal-ops.ts';
import { noGrad, outsideTidy } from '../tensor/modes.ts';
import * as ops from '../tensor/ops.ts';
import { madeAtEachCall } from '../tensor/recording.ts';
import { scalarDevice } from '../tensor/runtime.ts';
import { Tensor, tensor } from '../tensor/tensor.ts';
import { expectNumber } from '../validate.ts';
import { type Group, groupOptions, groupParameters } from './groups.ts';
import { named, type Parameters } from './parameters.ts';

/** Options that all optimizers have, with a weight decay and an exclusion of their own default. */
export const commonOptions = {
  /** Learning rate ≥ 0. */
  lr: { type: 'number', required: true, min: 0, help: 'learning rate' },
  /** The gradient of all parameters together is scaled down to this 2-norm where it is longer. Default: it is not clipped. */
  clipNorm: { type: 'number', above: 0, help: "the gradient's largest 2-norm, over all parameters" },
  /** Each number of the gradient is clamped to ±clipValue. Not beside clipNorm. Default: it is not clipped. */
  clipValue: { type: 'number', above: 0, help: 'the largest number in the gradient, by its amount' },
  ...groupOptions,
} as const satisfies OptionTable;

type CommonOptions = ResolvedOf<typeof commonOptions> & {
  readonly weightDecay: number | Ramp;
  readonly excludeBiasAndNorm: boolean;
};

const stepOptions = {
  /**
   * The learning rate of this step; default `optimizer.lr`. In a compiled function, where numbers are constants, a tensor of
   * no dimensions on the CPU: an argument of the function.
   */
  lr: {
    type: 'checked',
    check: (name: string, value: number | Tensor) =>
      value instanceof Tensor ? value : expectNumber(name, value, commonOptions.lr),
  },
} as const satisfies OptionTable;

export interface StepOptions extends OptionsOf<typeof stepOptions> {}

/** @throws {OptionError} Nesterov momentum without a momentum. */
export function expectMomentum({
  momentum,
  nesterov,
}: {
  readonly momentum: number;
  readonly nesterov: boolean;
}): void {
  if (nesterov && momentum === 0) throw new OptionError('nesterov needs a momentum above 0');
}

/** A part of the state that each parameter has: numbers of its shape, or one float32. All begin as zeros. */
export interface Slot {
  readonly name: string;
  readonly isScalar?: boolean;
}

/** What changes from update to update. */
export interface Rates {
  /** float64 () */
  readonly learningRate: Tensor;
  /** Of each group, float64 () */
  readonly weightDecays: readonly Tensor[];
}

/** What an update works on. */
export interface UpdateInputs {
  readonly parameters: readonly Tensor[];
  /** Slot by slot, a tensor a parameter. */
  readonly state: readonly Tensor[];
  /** float64 () */
  readonly learningRate: Tensor;
  readonly groups: readonly Group[];
  /** What every native update takes: the groups, and for a guarded one status and norms (native/optim/update.h). */
  readonly shared: {
    readonly groups: readonly number[];
    readonly rateFactors: readonly number[];
    readonly weightDecays: readonly Tensor[];
  } & Guard;
}

interface Guard {
  readonly status?: Tensor;
  readonly gradientNorm?: Tensor;
  readonly largest?: Tensor;
}

/** A number on the CPU, which goes with tensors of any device. */
const float64 = (value: number): Tensor => tensor(value, { dtype: 'float64' });

const sizes = (shape: readonly number[]): string => `[${shape.join(', ')}]`;

export abstract class Optimizer {
  readonly #parameters: readonly Tensor[];
  /** Slot by slot, a tensor a parameter. */
  readonly #state: ReadonlyMap<string, Tensor>;
  readonly #groups: readonly Group[];
  readonly #shared: Pick<UpdateInputs['shared'], 'groups' | 'rateFactors'>;
  readonly #clipping: { readonly maxNorm: number | undefined; readonly maxValue: number | undefined };
  /** Of the gradient at the last guarded update, float64 (). */
  readonly #gradientNorm: Tensor;
  /** Of what the last guarded update left behind, the largest norm; infinite where nobody knows. */
  readonly #largest: Tensor;
  #lr: number;
  #progress = 0;
  #disposed = false;

  /** @internal Use `new SGD(…)`, `new AdamW(…)`, `new LARS(…)`. */
  protected constructor(parameters: Parameters, options: CommonOptions, slots: readonly Slot[]) {
    const { lr, clipNorm, clipValue, groups, layerDecay } = options;
    if (clipNorm !== undefined && clipValue !== undefined)
      throw new OptionError('an optimizer takes clipNorm or clipValue, not both');
    this.#lr = lr;
    this.#clipping = { maxNorm: clipNorm, maxValue: clipValue };
    const all = named(parameters);
    if (!types.isMap(parameters) && (groups.length > 0 || layerDecay < 1))
      throw new OptionError('groups and layerDecay go by names: parameters must be a Map, such as namedParameters()');
    const grouping = groupParameters(all, options);
    this.#groups = grouping.groups;
    this.#shared = { groups: grouping.of, rateFactors: grouping.groups.map(({ rateFactor }) => rateFactor) };
    this.#parameters = [...all.values()];
    // In the parameter's layout, which the update walks through in order.
    const zeros = ({ isScalar }: Slot, parameter: Tensor): Tensor =>
      isScalar ? ops.zeros([], { dtype: 'float32', device: parameter.device }) : ops.zerosLike(parameter);
    const [{ device }] = this.#parameters as [Tensor];
    this.#gradientNorm = outsideTidy(() => tensor(0, { dtype: 'float64', device: scalarDevice(device) }));
    this.#largest = outsideTidy(() =>
      tensor(Number.POSITIVE_INFINITY, { dtype: 'float64', device: scalarDevice(device) }),
    );
    const stateOf = (slot: Slot) => [...all].map(([of, value]) => [`${of}.${slot.name}`, zeros(slot, value)] as const);
    this.#state = outsideTidy(() => new Map(slots.flatMap(stateOf)));
  }

  /** One update in place of every parameter that has a gradient; returns the status. */
  protected abstract update(inputs: UpdateInputs): Tensor;

  /** The learning rate of step(). */
  get lr(): number {
    return this.#lr;
  }

  set lr(value: number) {
    this.#lr = expectNumber('lr', value, commonOptions.lr);
  }

  /** Part of the training that lies behind step(), in [0, 1], by which a weight decay changes. Default 0. */
  get progress(): number {
    return this.#progress;
  }

  set progress(value: number) {
    this.#progress = expectNumber('progress', value, { min: 0, max: 1 });
  }

  /** @internal */
  get parameters(): readonly Tensor[] {
    return this.#parameters;
  }

  /** @internal 2-norm of the gradient of the last guarded update, over all parameters, before clipping; float64 (), live. */
  get gradientNorm(): Tensor {
    return this.#gradientNorm;
  }

  /** Clips the gradients, where that was asked for, and updates every parameter that has one. */
  step(options: StepOptions = {}): void {
    const { lr } = resolveOptions('step', stepOptions, options);
    // As they are at each call, in a compiled function too.
    const weightDecays = this.#groups.map(({ weightDecay }) =>
      madeAtEachCall(() => float64(rampAt(weightDecay, this.#progress))),
    );
    const learningRate = lr instanceof Tensor ? lr : madeAtEachCall(() => float64(lr ?? this.#lr));
    try {
      this.#updateAnyway({ learningRate, weightDecays });
    } finally {
      for (const decay of weightDecays) decay.dispose();
      if (!(lr instanceof Tensor)) learningRate.dispose();
    }
  }

  /** @internal Of an update with that learning rate, when `progress` in [0, 1] of the training lies behind. */
  ratesAt(learningRate: number, progress: number): Rates {
    return {
      learningRate: float64(learningRate),
      weightDecays: this.#groups.map(({ weightDecay }) => float64(rampAt(weightDecay, progress))),
    };
  }

  /**
   * @internal The update of a training step: done if every gradient is finite, and parameters and state stay so.
   * @param status int64 (), of lib/train/guard.ts; returned, as it is after the update.
   * @param lossScale float32 (), by which the gradients are to be divided first. They may overflow: the step is then skipped.
   */
  stepIfFinite(rates: Rates, status: Tensor, lossScale?: Tensor): Tensor {
    this.#check();
    const gradientNorm = this.#gradientNorm;
    const checked = internal.clipGradients_(this.#parameters, gradientNorm, {
      ...{ status, ...this.#clipping },
      ...(lossScale && { lossScale }),
    });
    return this.#update(rates, { status: checked, gradientNorm, largest: this.#largest });
  }

  #update({ learningRate, weightDecays }: Rates, guard: Guard): Tensor {
    return this.update({
      parameters: this.#parameters,
      state: [...this.#state.values()],
      learningRate,
      groups: this.#groups,
      shared: { ...this.#shared, weightDecays, ...guard },
    });
  }

  /** An update that is done whatever the gradients are. */
  #updateAnyway(rates: Rates): void {
    this.#check();
    const { maxNorm, maxValue } = this.#clipping;
    if (maxNorm !== undefined || maxValue !== undefined)
      internal.clipGradients_(this.#parameters, this.#gradientNorm, this.#clipping).dispose();
    this.#update(rates, {}).dispose();
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
    this.#gradientNorm.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
