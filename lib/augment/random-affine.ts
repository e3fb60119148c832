import { OptionError } from '../errors.ts';
import { checkOptions, expectNumber } from '../validate.ts';
import {
  expectList,
  expectRange,
  fillValue,
  type Interpolation,
  interpolation,
  probability,
  type Range,
  symmetricRange,
} from './arguments.ts';
import type { WarpOptions } from './random-rotation.ts';

export interface RandomAffineOptions extends WarpOptions {
  /** Largest shift as a part of [width, height], each in [0, 1]; default [0, 0]. */
  readonly translate?: Range;
  /** Default [1, 1]. */
  readonly scale?: Range;
  /** Degrees: d for x in U(−d, d), [min, max] for x, or [x min, x max, y min, y max]; default 0. */
  readonly shear?: number | readonly number[];
}

export interface RandomAffine {
  readonly kind: 'randomAffine';
  readonly degrees: Range;
  readonly translate: Range;
  readonly scale: Range;
  readonly shear: readonly [number, number, number, number];
  readonly interpolation: Interpolation;
  readonly fill: number;
  readonly p: number;
}

function shearOf(kind: string, value: unknown): [number, number, number, number] {
  const name = `${kind}: shear`;
  const within = { min: -89, max: 89 };
  if (!Array.isArray(value) || value.length === 2) return [...symmetricRange(name, value, within), 0, 0];
  const all = expectList(name, value, 4, (inner, x) => expectNumber(inner, x, within));
  const [x0, x1, y0, y1] = all as [number, number, number, number];
  if (x0 > x1 || y0 > y1) throw new OptionError(`${name} must be [x min, x max, y min, y max], got [${all}]`);
  return [x0, x1, y0, y1];
}

/**
 * Rotation, translation, scale and shear about the centre; the size stays. Draws `angle` (degrees), `translate` (whole
 * pixels, [x, y]), `scale`, `shear` (degrees, [x, y]). Source: torchvision v2 RandomAffine.
 *
 * @param degrees d for U(−d, d), or [min, max].
 */
export function randomAffine(degrees: number | Range, options: RandomAffineOptions = {}): RandomAffine {
  const kind = 'randomAffine';
  checkOptions(kind, options, ['translate', 'scale', 'shear', 'interpolation', 'fill', 'p']);
  const part = (name: string, x: unknown) => expectNumber(name, x, { min: 0, max: 1 });
  return {
    kind,
    degrees: symmetricRange(`${kind}: degrees`, degrees),
    translate: expectList(`${kind}: translate`, options.translate ?? [0, 0], 2, part) as [number, number],
    scale: expectRange(`${kind}: scale`, options.scale ?? [1, 1], { above: 0 }),
    shear: shearOf(kind, options.shear ?? 0),
    interpolation: interpolation(kind, options.interpolation ?? 'nearest'),
    fill: fillValue(kind, options.fill ?? 0),
    p: probability(kind, options.p ?? 1),
  };
}
