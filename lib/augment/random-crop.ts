import type { OptionsOf, OptionTable } from '../options/option.ts';
import { expectNumber } from '../validate.ts';
import { applied, expectList, fill, type Size, sizePair, type TransformOf, transformOf } from './arguments.ts';

type Padding = readonly [left: number, top: number, right: number, bottom: number];

function paddingOf(name: string, value: number | readonly number[]): Padding {
  const side = (inner: string, x: unknown) => expectNumber(inner, x, { min: 0, max: 65_535, integer: true });
  if (!Array.isArray(value)) {
    const all = side(name, value);
    return [all, all, all, all];
  }
  if (value.length === 2) {
    const [x, y] = expectList(name, value, 2, side) as [number, number];
    return [x, y, x, y];
  }
  return expectList(name, value, 4, side) as [number, number, number, number];
}

const declared = {
  size: { type: 'checked', required: true, check: sizePair },
  /** Pixels added before cropping: a number, [left/right, top/bottom] or [left, top, right, bottom]; default 0. */
  padding: { type: 'checked', default: 0, check: paddingOf },
  /** What 'constant' padding holds, in [0, 1]; default 0. */
  fill,
  /** Default 'constant'; 'reflect' leaves the border pixel out, 'symmetric' repeats it. */
  paddingMode: { type: 'string', choices: ['constant', 'edge', 'reflect', 'symmetric'], default: 'constant' },
  ...applied(1),
} as const satisfies OptionTable;

export interface RandomCropOptions extends Omit<OptionsOf<typeof declared>, 'size'> {}
export interface RandomCrop extends TransformOf<'randomCrop', typeof declared> {}

/**
 * A random window of `size` of the padded image. Draws `top`, `left` in the padded image (pixels). Source: torchvision v2
 * RandomCrop.
 *
 * @param size pixels: a number for a square, or [height, width].
 * @throws {OptionError} a size below 1, a negative padding, an unknown mode.
 */
export function randomCrop(size: Size, options: RandomCropOptions = {}): RandomCrop {
  return transformOf('randomCrop', declared, options, { size });
}
