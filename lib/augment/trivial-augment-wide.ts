import { checkOptions } from '../validate.ts';
import { fillValue, type Interpolation, interpolation, probability } from './arguments.ts';
import { magnitudeBins } from './rand-augment.ts';
import type { WarpOptions } from './random-rotation.ts';

export interface TrivialAugmentWideOptions extends WarpOptions {
  /** At least 2, default 31. */
  readonly numMagnitudeBins?: number;
}

export interface TrivialAugmentWide {
  readonly kind: 'trivialAugmentWide';
  readonly numMagnitudeBins: number;
  readonly interpolation: Interpolation;
  readonly fill: number;
  readonly p: number;
}

/**
 * One operation, drawn uniformly from `policyOperations` without invert, of a strength drawn uniformly from a wide range,
 * with a random sign. Draws `op` and `magnitude`. Images of 1 or 3 channels. Source: Müller & Hutter 2021,
 * arXiv:2103.10158, as torchvision v2 TrivialAugmentWide, on float pixels.
 *
 * @throws {OptionError} fewer than 2 bins, an unknown interpolation.
 */
export function trivialAugmentWide(options: TrivialAugmentWideOptions = {}): TrivialAugmentWide {
  const kind = 'trivialAugmentWide';
  checkOptions(kind, options, ['numMagnitudeBins', 'interpolation', 'fill', 'p']);
  return {
    kind,
    numMagnitudeBins: magnitudeBins(kind, options.numMagnitudeBins ?? 31),
    interpolation: interpolation(kind, options.interpolation ?? 'nearest'),
    fill: fillValue(kind, options.fill ?? 0),
    p: probability(kind, options.p ?? 1),
  };
}
