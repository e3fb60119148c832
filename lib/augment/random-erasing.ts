import { checkOptions, expectNumber, expectOneOf } from '../validate.ts';
import { expectList, expectRange, probability, type Range } from './arguments.ts';

/** One value for all channels or one for each, in the image's range at that point; 'noise' is N(0, 1). */
export type EraseValue = number | readonly number[] | 'noise';

export interface RandomErasingOptions {
  /** Part of the image's area, default [0.02, 0.33]. */
  readonly scale?: Range;
  /** Height over width, default [0.3, 3.3]. */
  readonly ratio?: Range;
  readonly value?: EraseValue;
  readonly p?: number;
}

export interface RandomErasing {
  readonly kind: 'randomErasing';
  readonly scale: Range;
  readonly ratio: Range;
  readonly value: EraseValue;
  readonly p: number;
}

function eraseValue(kind: string, value: unknown): EraseValue {
  const name = `${kind}: value`;
  if (typeof value === 'string') return expectOneOf<'noise'>(name, value, ['noise']);
  if (!Array.isArray(value)) return expectNumber(name, value);
  return expectList(name, value, [1, 1024], (inner, x) => expectNumber(inner, x));
}

/**
 * Fills a random rectangle, strictly smaller than the image, with probability `p` (default 0.5). Up to 10 tries; when no
 * rectangle fits, the image stays. Draws `top`, `left`, `height`, `width` (pixels) and a `noiseKey`.
 * Source: Zhong et al. 2020, arXiv:1708.04896, as torchvision v2 RandomErasing.
 *
 * @throws {OptionError} a scale outside [0, 1], a ratio that is not 0 < min <= max, another word than 'noise'.
 */
export function randomErasing(options: RandomErasingOptions = {}): RandomErasing {
  const kind = 'randomErasing';
  checkOptions(kind, options, ['scale', 'ratio', 'value', 'p']);
  return {
    kind,
    scale: expectRange(`${kind}: scale`, options.scale ?? [0.02, 0.33], { min: 0, max: 1 }),
    ratio: expectRange(`${kind}: ratio`, options.ratio ?? [0.3, 3.3], { above: 0 }),
    value: eraseValue(kind, options.value ?? 0),
    p: probability(kind, options.p ?? 0.5),
  };
}

/**
 * Erases a random square: `randomErasing` with ratio 1. Source: DeVries & Taylor 2017, arXiv:1708.04552; theirs has a
 * fixed side and may hang over the border, this one lies inside.
 */
export function cutout(options: Omit<RandomErasingOptions, 'ratio'> = {}): RandomErasing {
  checkOptions('cutout', options, ['scale', 'value', 'p']);
  return randomErasing({ ...options, ratio: [1, 1] });
}
