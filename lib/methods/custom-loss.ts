/** A method that is one loss of the features of a batch: by the name that `defineLoss` gave it, or a function of the user's own. */
import { OptionError } from '../errors.ts';
import { checkLoss, type KeyBank, type LossName, type LossSpec, type LossValue, lossOf } from '../losses/all.ts';
import type { OptionTable } from '../options/option.ts';
import { Tensor } from '../tensor/tensor.ts';
import { describe } from '../validate.ts';
import { FeatureMethod, type MethodParts, type Targets } from './method.ts';
import { NamedLoss } from './named-loss.ts';
import { defineMethod } from './registry.ts';

/** What a loss of your own may look at beside the features. */
export interface CustomLossBatch {
  /** int32 (batch), when every sample has one. */
  readonly labels: Tensor | undefined;
  /** int64 (batch): which samples they are; the trainer always gives them. */
  readonly ids?: Tensor | undefined;
  /** In `moco`: what its queue holds, until the update of this step; undefined while it is empty. */
  readonly bank?: KeyBank | undefined;
}

/**
 * A loss of your own: features float32 (batch, views, dim) with gradient. In `moco` there are two views: the query, and its
 * key without a gradient. Returns a scalar tensor.
 */
export type CustomLoss = (features: Tensor, batch: CustomLossBatch) => Tensor;

/** Calls a loss of the user's own. @throws {OptionError} it returns no tensor. */
export function callCustom(loss: CustomLoss, features: Tensor, batch: CustomLossBatch): LossValue {
  const value: unknown = loss(features, batch);
  if (!(value instanceof Tensor)) throw new OptionError(`loss must return a Tensor, got ${describe(value)}`);
  return { loss: value };
}

class CalledLoss extends FeatureMethod {
  readonly #loss: CustomLoss;

  constructor(loss: CustomLoss, parts: MethodParts) {
    super(parts);
    this.#loss = loss;
  }

  override lossOf(features: Tensor, { labels, ids }: Targets): LossValue {
    return callCustom(this.#loss, features, { labels, ids });
  }
}

const table = {
  loss: {
    ...{ type: 'checked', required: true },
    check: (name: string, loss: CustomLoss | LossSpec | LossName) => checkLoss<CustomLoss | LossSpec>(loss, name),
  },
} as const satisfies OptionTable;

/** `new Trainer({ loss })` with a loss that is no method's. A function may look at anything: labels where there are any, and ids. */
export const customLoss = defineMethod({
  name: 'custom',
  labels: ({ loss }) => {
    if (typeof loss === 'function') return 'optional';
    return lossOf(loss).usesLabels ? 'required' : 'none';
  },
  usesIds: true,
  isOfFeatures: true,
  options: table,
  make: ({ loss }, parts) => (typeof loss === 'function' ? new CalledLoss(loss, parts) : new NamedLoss(loss, parts)),
});
