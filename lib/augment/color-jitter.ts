import type { OptionsOf, OptionTable } from '../options/option.ts';
import { expectNumber } from '../validate.ts';
import { applied, expectRange, type Range, symmetricRange, type TransformOf, transformOf } from './arguments.ts';

/** x for the factors [max(0, 1 - x), 1 + x] (for hue: [-x, x]), or [min, max]. */
export type Strength = number | Range;

function factors(name: string, value: Strength): Range {
  if (typeof value !== 'number') return expectRange(name, value, { min: 0 });
  const x = expectNumber(name, value, { min: 0 });
  return [Math.max(0, 1 - x), 1 + x];
}

const turns = (name: string, value: Strength): Range => symmetricRange(name, value, { min: -0.5, max: 0.5 });

const declared = {
  brightness: { type: 'checked', default: 0, check: factors },
  contrast: { type: 'checked', default: 0, check: factors },
  saturation: { type: 'checked', default: 0, check: factors },
  /** In turns of the colour circle, at most 0.5. */
  hue: { type: 'checked', default: 0, check: turns },
  ...applied(1),
} as const satisfies OptionTable;

export interface ColorJitterOptions extends OptionsOf<typeof declared> {}
export interface ColorJitter extends TransformOf<'colorJitter', typeof declared> {}

/**
 * Brightness, contrast, saturation and hue, each by a random factor, in a fresh random order for each sample and view.
 *
 * Brightness: x·f. Contrast: blend with the mean of gray. Saturation: blend with gray (0.2989, 0.587, 0.114). Hue: HSV,
 * (h + f) mod 1. Clamped to [0, 1] after each. Left out (default 0) means off. A gray image has no saturation and no hue.
 * Draws `order` (0 brightness, 1 contrast, 2 saturation, 3 hue), `brightness`, `contrast`, `saturation`, `hue`.
 * Source: torchvision v2 ColorJitter.
 *
 * @throws {OptionError} a negative strength, min above max, a hue beyond 0.5.
 */
export function colorJitter(options: ColorJitterOptions = {}): ColorJitter {
  return transformOf('colorJitter', declared, options);
}
