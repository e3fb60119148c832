import type { OptionsOf, OptionTable } from '../options/option.ts';
import { applied, type TransformOf, transformOf, warp } from './arguments.ts';

const declared = {
  /** The data set that the policy was learned on, default 'imagenet'. */
  policy: { type: 'string', choices: ['imagenet', 'cifar10', 'svhn'], default: 'imagenet' },
  ...warp('nearest', null),
  ...applied(1),
} as const satisfies OptionTable;

export interface AutoAugmentOptions extends OptionsOf<typeof declared> {}
export type AutoAugmentPolicy = (typeof declared.policy.choices)[number];

export interface AutoAugment extends TransformOf<'autoAugment', typeof declared> {}

/**
 * One of a learned policy's 25 pairs of operations, drawn uniformly; each of the two is applied with its own probability
 * and strength, with a random sign. Draws lists of two, `op` (an index into `policyOperations`, 0 when the operation was
 * not applied) and `magnitude`. Images of 1 or 3 channels. Source: Cubuk et al. 2019, arXiv:1805.09501, as torchvision v2
 * AutoAugment, but on float pixels, which are not rounded to bytes between operations.
 *
 * @throws {OptionError} an unknown policy or interpolation.
 */
export function autoAugment(options: AutoAugmentOptions = {}): AutoAugment {
  return transformOf('autoAugment', declared, options);
}
