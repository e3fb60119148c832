import type { OptionsOf, OptionTable } from '../options/option.ts';
import { expectNumber } from '../validate.ts';
import { applied, type TransformOf, transformOf, warp } from './arguments.ts';

/**
 * The operations of `randAugment`, `trivialAugmentWide` and `autoAugment`: a drawn `op` is an index into this list. Its
 * drawn `magnitude`, sign included, is: for shearX and shearY the slope (pixels a row, pixels a column); for translateX
 * and translateY pixels, of which the whole part counts; for rotate degrees, counter-clockwise; for brightness, color
 * (saturation), contrast and sharpness the factor less 1; for posterize bits; for solarize the threshold in [0, 1]; for
 * the others 0.
 */
export const policyOperations = [
  'identity',
  'shearX',
  'shearY',
  'translateX',
  'translateY',
  'rotate',
  'brightness',
  'color',
  'contrast',
  'sharpness',
  'posterize',
  'solarize',
  'autoContrast',
  'equalize',
  'invert',
] as const;

/** The number of magnitude bins: one divides by their number less one. */
export const magnitudeBins = { type: 'number', default: 31, min: 2, max: 65_535, integer: true } as const;

const declared = {
  /** Operations in sequence, 1 to 16; default 2. */
  numOps: { type: 'number', default: 2, min: 1, max: 16, integer: true },
  /** The strength of all of them: a bin from 0 to numMagnitudeBins − 1, default 9. */
  magnitude: { type: 'number', default: 9, min: 0, integer: true },
  /** At least 2, default 31. */
  numMagnitudeBins: magnitudeBins,
  ...warp('nearest', null),
  ...applied(1),
} as const satisfies OptionTable;

export interface RandAugmentOptions extends OptionsOf<typeof declared> {}
export interface RandAugment extends TransformOf<'randAugment', typeof declared> {}

/**
 * `numOps` operations in sequence, drawn uniformly and with repetition from `policyOperations` without invert, all of
 * one strength, with random signs. Draws `op` and `magnitude`: a number each when numOps is 1, else lists. Images of 1
 * or 3 channels. Source: Cubuk et al. 2020, arXiv:1909.13719, as torchvision v2 RandAugment, but on float pixels, which
 * are not rounded to bytes between operations.
 *
 * @throws {OptionError} counts or bins out of range, an unknown interpolation.
 */
export function randAugment(options: RandAugmentOptions = {}): RandAugment {
  const made = transformOf('randAugment', declared, options);
  expectNumber('randAugment: magnitude', made.magnitude, { ...declared.magnitude, max: made.numMagnitudeBins - 1 });
  return made;
}
