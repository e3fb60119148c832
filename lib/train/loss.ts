/** The losses that a trainer knows by name, as plain data; and the user's own, as functions. */
import {
  type KeyBank,
  type LossSpec,
  type LossValue,
  lossOf,
  type LossBatch as NamedLossBatch,
} from '../losses/all.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** What a loss of your own may look at beside the features. */
export interface CustomLossBatch {
  /** int32 (batch), when every sample has one. */
  readonly labels: Tensor | undefined;
  /** int64 (batch): which samples they are; the trainer always gives them. */
  readonly ids?: Tensor | undefined;
  /** With `momentumEncoder`: what its queue holds, until the update of this step; undefined while it is empty. */
  readonly bank?: KeyBank | undefined;
}

/**
 * A loss of your own: features float32 (batch, views, dim) with gradient. With `momentumEncoder` there are two views: the
 * query, and its key without a gradient. Returns a scalar tensor.
 */
export type CustomLoss = (features: Tensor, batch: CustomLossBatch) => Tensor;

/** What a loss may look at beside the features of a batch. */
export interface LossBatch extends NamedLossBatch {
  /** τ, float64 (), where it changes over the training. */
  readonly temperature?: Tensor | undefined;
}

/** A named loss as an operation. */
export interface NativeLoss {
  readonly usesLabels: boolean;
  /** @param features float32 (batch, views, dim) */
  readonly call: (features: Tensor, batch: LossBatch) => LossValue;
}

/** τ when `progress` in [0, 1] of the training lies behind, for a loss whose temperature changes. */
export function temperatureAt(loss: LossSpec | CustomLoss, progress: number): number | undefined {
  return typeof loss === 'function' ? undefined : lossOf(loss).numbersAt(progress).temperature;
}

/** The native operation of a specification. */
export function nativeLoss(spec: LossSpec): NativeLoss {
  const { usesLabels, call } = lossOf(spec);
  return {
    usesLabels,
    call: (features, { temperature, ...batch }) => call(features, batch, temperature ? { temperature } : {}),
  };
}
