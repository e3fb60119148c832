import type { OptionsOf, OptionTable } from '../options/option.ts';
import { resolveOptions } from '../options/resolve.ts';
import { expectNumber, expectOneOf } from '../validate.ts';
import {
  applied,
  expectList,
  expectRange,
  positiveRange,
  type Range,
  type TransformOf,
  transformOf,
} from './arguments.ts';

/** One value for all channels or one for each, in the image's range at that point; 'noise' is N(0, 1). */
export type EraseValue = number | readonly number[] | 'noise';

function eraseValue(name: string, value: EraseValue): EraseValue {
  if (typeof value === 'string') return expectOneOf<'noise'>(name, value, ['noise']);
  if (!Array.isArray(value)) return expectNumber(name, value);
  return expectList(name, value, [1, 1024], (inner, x) => expectNumber(inner, x));
}

const share = (name: string, value: Range): Range => expectRange(name, value, { min: 0, max: 1 });

const declared = {
  /** Part of the image's area, default [0.02, 0.33]. */
  scale: { type: 'checked', default: [0.02, 0.33], check: share },
  /** Height over width, default [0.3, 3.3]. */
  ratio: { type: 'checked', default: [0.3, 3.3], check: positiveRange },
  /** Default 0. */
  value: { type: 'checked', default: 0, check: eraseValue },
  ...applied(0.5),
} as const satisfies OptionTable;

export interface RandomErasingOptions extends OptionsOf<typeof declared> {}
export interface RandomErasing extends TransformOf<'randomErasing', typeof declared> {}

/**
 * Fills a random rectangle, strictly smaller than the image, with probability `p` (default 0.5). Up to 10 tries; when no
 * rectangle fits, the image stays. Draws `top`, `left`, `height`, `width` (pixels) and a `noiseKey`.
 * Source: Zhong et al. 2020, arXiv:1708.04896, as torchvision v2 RandomErasing.
 *
 * @throws {OptionError} a scale outside [0, 1], a ratio that is not 0 < min <= max, another word than 'noise'.
 */
export function randomErasing(options: RandomErasingOptions = {}): RandomErasing {
  return transformOf('randomErasing', declared, options);
}

const { ratio: _, ...cutoutOptions } = declared;
export interface CutoutOptions extends OptionsOf<typeof cutoutOptions> {}

/**
 * Erases a random square: `randomErasing` with ratio 1. Source: DeVries & Taylor 2017, arXiv:1708.04552; theirs has a
 * fixed side and may hang over the border, this one lies inside.
 */
export function cutout(options: CutoutOptions = {}): RandomErasing {
  return randomErasing({ ...resolveOptions('cutout', cutoutOptions, options, 'cutout: '), ratio: [1, 1] });
}
