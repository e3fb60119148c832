/** A method that is a loss of the user's own: a function of the features of a batch. */
import { OptionError } from '../errors.ts';
import { Tensor } from '../tensor/tensor.ts';
import { checkOptions, describe } from '../validate.ts';
import type { CustomLoss, CustomLossBatch } from './contrastive-loss.ts';
import { FeatureMethod, type LossValue, type MethodParts, type Targets } from './method.ts';
import { defineMethod } from './registry.ts';

interface CustomOptions {
  readonly loss: CustomLoss;
}

/** Calls a loss of the user's own. @throws {OptionError} it returns no tensor. */
export function callCustom(loss: CustomLoss, features: Tensor, batch: CustomLossBatch): LossValue {
  const value: unknown = loss(features, batch);
  if (!(value instanceof Tensor)) throw new OptionError(`loss must return a Tensor, got ${describe(value)}`);
  return { loss: value };
}

class CustomMethod extends FeatureMethod {
  readonly #loss: CustomLoss;

  constructor(loss: CustomLoss, parts: MethodParts) {
    super(parts);
    this.#loss = loss;
  }

  override lossOf(features: Tensor, { labels, ids }: Targets): LossValue {
    return callCustom(this.#loss, features, { labels, ids });
  }
}

function check(options: CustomOptions): CustomOptions {
  checkOptions('custom', options, ['loss']);
  if (typeof options.loss !== 'function')
    throw new OptionError(`loss must be a function, got ${describe(options.loss)}`);
  return options;
}

/** `new Trainer({ loss })` with a function. What it looks at is not known: labels where there are any, and ids. */
export const customLoss = defineMethod({
  name: 'custom',
  labels: 'optional',
  usesIds: true,
  isOfFeatures: true,
  check,
  make: ({ loss }, parts) => new CustomMethod(loss, parts),
});
