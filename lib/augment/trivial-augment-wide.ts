import type { OptionsOf, OptionTable } from '../options/option.ts';
import { applied, type TransformOf, transformOf, warp } from './arguments.ts';
import { magnitudeBins } from './rand-augment.ts';

const declared = {
  /** At least 2, default 31. */
  numMagnitudeBins: magnitudeBins,
  ...warp('nearest', null),
  ...applied(1),
} as const satisfies OptionTable;

export interface TrivialAugmentWideOptions extends OptionsOf<typeof declared> {}
export interface TrivialAugmentWide extends TransformOf<'trivialAugmentWide', typeof declared> {}

/**
 * One operation, drawn uniformly from `policyOperations` without invert, of a strength drawn uniformly from a wide range,
 * with a random sign. Draws `op` and `magnitude`. Images of 1 or 3 channels. Source: Müller & Hutter 2021,
 * arXiv:2103.10158, as torchvision v2 TrivialAugmentWide, on float pixels.
 *
 * @throws {OptionError} fewer than 2 bins, an unknown interpolation.
 */
export function trivialAugmentWide(options: TrivialAugmentWideOptions = {}): TrivialAugmentWide {
  return transformOf('trivialAugmentWide', declared, options);
}
