import { OptionError } from '../errors.ts';
import type { OptionsOf, OptionTable } from '../options/option.ts';
import { expectNumber } from '../validate.ts';
import {
  applied,
  expectList,
  positiveRange,
  type Range,
  symmetricRange,
  type TransformOf,
  transformOf,
  warp,
} from './arguments.ts';

type Shear = readonly [xMin: number, xMax: number, yMin: number, yMax: number];

function shearOf(name: string, value: number | readonly number[]): Shear {
  const within = { min: -89, max: 89 };
  if (!Array.isArray(value) || value.length === 2)
    return [...symmetricRange(name, value as number | Range, within), 0, 0];
  const all = expectList(name, value, 4, (inner, x) => expectNumber(inner, x, within));
  const [x0, x1, y0, y1] = all as [number, number, number, number];
  if (x0 > x1 || y0 > y1) throw new OptionError(`${name} must be [x min, x max, y min, y max], got [${all}]`);
  return [x0, x1, y0, y1];
}

const parts = (name: string, value: Range): Range =>
  expectList(name, value, 2, (inner, x) => expectNumber(inner, x, { min: 0, max: 1 })) as [number, number];

const declared = {
  degrees: { type: 'checked', required: true, check: symmetricRange },
  /** Largest shift as a part of [width, height], each in [0, 1]; default [0, 0]. */
  translate: { type: 'checked', default: [0, 0], check: parts },
  /** Default [1, 1]. */
  scale: { type: 'checked', default: [1, 1], check: positiveRange },
  /** Degrees: d for x in U(−d, d), [min, max] for x, or [x min, x max, y min, y max]; default 0. */
  shear: { type: 'checked', default: 0, check: shearOf },
  ...warp('nearest'),
  ...applied(1),
} as const satisfies OptionTable;

export interface RandomAffineOptions extends Omit<OptionsOf<typeof declared>, 'degrees'> {}
export interface RandomAffine extends TransformOf<'randomAffine', typeof declared> {}

/**
 * Rotation, translation, scale and shear about the centre; the size stays. Draws `angle` (degrees), `translate` (whole
 * pixels, [x, y]), `scale`, `shear` (degrees, [x, y]). Source: torchvision v2 RandomAffine.
 *
 * @param degrees d for U(−d, d), or [min, max].
 */
export function randomAffine(degrees: number | Range, options: RandomAffineOptions = {}): RandomAffine {
  return transformOf('randomAffine', declared, options, { degrees });
}
