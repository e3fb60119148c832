import { checkOptions, expectNumber } from '../validate.ts';
import { fillValue, type Interpolation, interpolation, probability } from './arguments.ts';
import type { WarpOptions } from './random-rotation.ts';

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

export interface RandAugmentOptions extends WarpOptions {
  /** Operations in sequence, 1 to 16; default 2. */
  readonly numOps?: number;
  /** The strength of all of them: a bin from 0 to numMagnitudeBins − 1, default 9. */
  readonly magnitude?: number;
  /** At least 2, default 31. */
  readonly numMagnitudeBins?: number;
}

export interface RandAugment {
  readonly kind: 'randAugment';
  readonly numOps: number;
  readonly magnitude: number;
  readonly numMagnitudeBins: number;
  readonly interpolation: Interpolation;
  readonly fill: number;
  readonly p: number;
}

/** The number of magnitude bins: one divides by their number less one. */
export const magnitudeBins = (where: string, value: unknown): number =>
  expectNumber(`${where}: numMagnitudeBins`, value, { min: 2, max: 65_535, integer: true });

/**
 * `numOps` operations in sequence, drawn uniformly and with repetition from `policyOperations` without invert, all of
 * one strength, with random signs. Draws `op` and `magnitude`: a number each when numOps is 1, else lists. Images of 1
 * or 3 channels. Source: Cubuk et al. 2020, arXiv:1909.13719, as torchvision v2 RandAugment, but on float pixels, which
 * are not rounded to bytes between operations.
 *
 * @throws {OptionError} counts or bins out of range, an unknown interpolation.
 */
export function randAugment(options: RandAugmentOptions = {}): RandAugment {
  const kind = 'randAugment';
  checkOptions(kind, options, ['numOps', 'magnitude', 'numMagnitudeBins', 'interpolation', 'fill', 'p']);
  const bins = magnitudeBins(kind, options.numMagnitudeBins ?? 31);
  return {
    kind,
    numOps: expectNumber(`${kind}: numOps`, options.numOps ?? 2, { min: 1, max: 16, integer: true }),
    magnitude: expectNumber(`${kind}: magnitude`, options.magnitude ?? 9, { min: 0, max: bins - 1, integer: true }),
    numMagnitudeBins: bins,
    interpolation: interpolation(kind, options.interpolation ?? 'nearest'),
    fill: fillValue(kind, options.fill ?? 0),
    p: probability(kind, options.p ?? 1),
  };
}
