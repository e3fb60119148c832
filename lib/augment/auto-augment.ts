import { checkOptions, expectOneOf } from '../validate.ts';
import { fillValue, type Interpolation, interpolation, probability } from './arguments.ts';
import type { WarpOptions } from './random-rotation.ts';

const policies = ['imagenet', 'cifar10', 'svhn'] as const;
export type AutoAugmentPolicy = (typeof policies)[number];

export interface AutoAugmentOptions extends WarpOptions {
  /** The data set that the policy was learned on, default 'imagenet'. */
  readonly policy?: AutoAugmentPolicy;
}

export interface AutoAugment {
  readonly kind: 'autoAugment';
  readonly policy: AutoAugmentPolicy;
  readonly interpolation: Interpolation;
  readonly fill: number;
  readonly p: number;
}

/**
 * One of a learned policy's 25 pairs of operations, drawn uniformly; each of the two is applied with its own probability
 * and strength, with a random sign. Draws lists of two, `op` (an index into `policyOperations`, 0 when the operation was
 * not applied) and `magnitude`. Images of 1 or 3 channels. Source: Cubuk et al. 2019, arXiv:1805.09501, as torchvision v2
 * AutoAugment, but on float pixels, which are not rounded to bytes between operations.
 *
 * @throws {OptionError} an unknown policy or interpolation.
 */
export function autoAugment(options: AutoAugmentOptions = {}): AutoAugment {
  const kind = 'autoAugment';
  checkOptions(kind, options, ['policy', 'interpolation', 'fill', 'p']);
  return {
    kind,
    policy: expectOneOf(`${kind}: policy`, options.policy ?? 'imagenet', policies),
    interpolation: interpolation(kind, options.interpolation ?? 'nearest'),
    fill: fillValue(kind, options.fill ?? 0),
    p: probability(kind, options.p ?? 1),
  };
}
