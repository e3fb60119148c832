/** The classifier on top of an encoder. */
import { checkOptions, expectNumber, expectOneOf } from '../validate.ts';
import { Module } from './module.ts';

export interface LinearHeadOptions {
  /** The encoder's `featureDim`. */
  readonly inFeatures: number;
  /** Classes. */
  readonly outFeatures: number;
  /**
   * 'zeros' (default): all 0. 'normal': weights of deviation 0.01, bias 0, as google-research/simclr. 'uniform': as
   * PyTorch's nn.Linear.
   */
  readonly init?: 'zeros' | 'normal' | 'uniform';
  /** Of the initial weights, default 0. */
  readonly seed?: number;
}

const size = { min: 1, max: 2 ** 24, integer: true } as const;

/**
 * One linear layer: (batch, inFeatures) → (batch, outFeatures), logits. Its parameters are 'weight' (outFeatures,
 * inFeatures) and 'bias' (outFeatures), as in torchvision's `fc`.
 * @throws {OptionError} an unknown or wrong option.
 * @example
 * const head = linearHead({ inFeatures: encoder.featureDim, outFeatures: 10 });
 */
export function linearHead(options: LinearHeadOptions): Module {
  checkOptions('linearHead', options, ['inFeatures', 'outFeatures', 'init', 'seed']);
  return new Module({
    name: 'linear',
    inFeatures: expectNumber('inFeatures', options?.inFeatures, size),
    outFeatures: expectNumber('outFeatures', options.outFeatures, size),
    init: expectOneOf('init', options.init ?? 'zeros', ['zeros', 'normal', 'uniform']),
    seed: expectNumber('seed', options.seed ?? 0, { min: 0, integer: true }),
  });
}
