import { checkOptions, expectNumber } from '../validate.ts';
import { expectRange, probability, type Range, symmetricRange } from './arguments.ts';

/** x for the factors [max(0, 1 - x), 1 + x] (for hue: [-x, x]), or [min, max]. */
export type Strength = number | Range;

export interface ColorJitterOptions {
  readonly brightness?: Strength;
  readonly contrast?: Strength;
  readonly saturation?: Strength;
  /** In turns of the colour circle, at most 0.5. */
  readonly hue?: Strength;
  readonly p?: number;
}

export interface ColorJitter {
  readonly kind: 'colorJitter';
  readonly brightness: Range;
  readonly contrast: Range;
  readonly saturation: Range;
  readonly hue: Range;
  readonly p: number;
}

function factors(name: string, value: unknown): [number, number] {
  if (typeof value !== 'number') return expectRange(name, value, { min: 0 });
  const x = expectNumber(name, value, { min: 0 });
  return [Math.max(0, 1 - x), 1 + x];
}

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
  const kind = 'colorJitter';
  checkOptions(kind, options, ['brightness', 'contrast', 'saturation', 'hue', 'p']);
  return {
    kind,
    brightness: factors(`${kind}: brightness`, options.brightness ?? 0),
    contrast: factors(`${kind}: contrast`, options.contrast ?? 0),
    saturation: factors(`${kind}: saturation`, options.saturation ?? 0),
    hue: symmetricRange(`${kind}: hue`, options.hue ?? 0, { min: -0.5, max: 0.5 }),
    p: probability(kind, options.p ?? 1),
  };
}
