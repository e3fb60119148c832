/** A running mean of the weights, for evaluation: it lies nearer to a minimum than the weights of any one step. */
import { CheckpointError } from '../errors.ts';
import { movingBuffers } from '../methods/moving-buffers.ts';
import type { NetworkParts } from '../methods/network.ts';
import { Module } from '../nn/module.ts';
import type { OptionsOf, OptionTable, ResolvedOf } from '../options/option.ts';
import { rampAt } from '../options/ramp.ts';
import * as internal from '../tensor/internal-ops.ts';
import { noGrad, outsideTidy, tidy } from '../tensor/modes.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { byFirstName } from './trained.ts';

export const emaOptions = {
  /**
   * d in [0, 1]: the part of the mean that stays at an update; the rest comes from the weights. A number, or how it changes over
   * the training. Default 0.999: about the last thousand updates count.
   */
  decay: {
    ...{ type: 'ramp', default: 0.999, min: 0, max: 1, value: 'DECAY' },
    help: 'of the running mean of the weights, which is judged and saved in their place: the part that stays at an update',
  },
} as const satisfies OptionTable;

export interface EmaOptions extends OptionsOf<typeof emaOptions> {}
export type ResolvedEma = ResolvedOf<typeof emaOptions>;

interface Pair {
  readonly weight: Tensor;
  readonly mean: Tensor;
}

/** What is averaged: parameters, and the floating buffers that a step moves, as running statistics. */
function weightsOf({ encoder, head }: NetworkParts): Map<string, Tensor> {
  const all = Object.entries({ encoder, head }).flatMap(([prefix, part]) => {
    const buffers = part instanceof Module ? movingBuffers(part) : [];
    return [...(part?.namedParameters() ?? []), ...buffers].map(
      ([name, value]) => [`${prefix}.${name}`, value] as const,
    );
  });
  return byFirstName(all.filter(([, value]) => value.dtype.startsWith('float')));
}

/**
 * After each update a ← d·a + (1 − d)·w, where d = min(decay, (1 + t)/(10 + t)) behind t updates: the first weights, which are random,
 * are soon forgotten. The mean of running statistics is theirs.
 *
 * Source: Polyak & Juditsky 1992, "Acceleration of stochastic approximation by averaging"; exponential, and with this d at the
 * beginning, as TensorFlow's ExponentialMovingAverage.
 */
export class AveragedWeights implements Disposable {
  readonly #decay: ResolvedEma['decay'];
  readonly #pairs: ReadonlyMap<string, Pair>;

  /** Begins with the weights as they are. They are on their device already. */
  constructor(network: NetworkParts, { decay }: ResolvedEma) {
    this.#decay = decay;
    const pairOf = (weight: Tensor): Pair => ({
      weight,
      mean: outsideTidy(() => noGrad(() => weight.clone().detach())),
    });
    this.#pairs = new Map([...weightsOf(network)].map(([name, weight]) => [name, pairOf(weight)]));
  }

  /** d at a step behind `step` updates, when `progress` in [0, 1] of the training lies behind. */
  decayAt({ step, progress }: { readonly step: number; readonly progress: number }): number {
    return Math.min(rampAt(this.#decay, progress), (1 + step) / (10 + step));
  }

  /**
   * Moves the mean towards the weights, unless the step was refused.
   * @param decay d, float64 ()
   * @param status of the step, int64 (); handed on.
   */
  follow(decay: Tensor, status: Tensor): Tensor {
    const pairs = [...this.#pairs.values()];
    const [means, weights] = [pairs.map(({ mean }) => mean), pairs.map(({ weight }) => weight)];
    return internal.movingAverage_(means, weights, decay, status);
  }

  /** Exchanges weights and means: the modules hold the means until the next call. */
  swap(): void {
    const exchange = ({ weight, mean }: Pair): void => {
      const kept = weight.clone();
      weight.copy_(mean);
      mean.copy_(kept);
    };
    noGrad(() => tidy(() => this.#pairs.forEach(exchange)));
  }

  /** The means, named encoder.* and head.*; live. */
  stateDict(): Map<string, Tensor> {
    return new Map([...this.#pairs].map(([name, { mean }]) => [name, mean]));
  }

  /**
   * Copies the means of a state, which may hold more.
   * @throws {CheckpointError} a name that is missing, or a tensor of another shape.
   */
  loadStateDict(state: ReadonlyMap<string, Tensor>): void {
    for (const [name, { mean }] of this.#pairs) {
      const value = state.get(name);
      if (value === undefined) throw new CheckpointError(`the averaged ${name} is missing`);
      if (String(value.shape) !== String(mean.shape))
        throw new CheckpointError(`the averaged ${name} must have shape [${mean.shape}], got [${value.shape}]`);
      noGrad(() => mean.copy_(value)).dispose();
    }
  }

  [Symbol.dispose](): void {
    for (const { mean } of this.#pairs.values()) mean.dispose();
  }
}
