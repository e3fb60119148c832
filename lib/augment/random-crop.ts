import { checkOptions, expectNumber, expectOneOf } from '../validate.ts';
import { expectList, fillValue, probability, type Size, sizePair } from './arguments.ts';

const paddingModes = ['constant', 'edge', 'reflect', 'symmetric'] as const;
export type PaddingMode = (typeof paddingModes)[number];

export interface RandomCropOptions {
  /** Pixels added before cropping: a number, [left/right, top/bottom] or [left, top, right, bottom]; default 0. */
  readonly padding?: number | readonly number[];
  /** What 'constant' padding holds, in [0, 1]; default 0. */
  readonly fill?: number;
  /** Default 'constant'; 'reflect' leaves the border pixel out, 'symmetric' repeats it. */
  readonly paddingMode?: PaddingMode;
  readonly p?: number;
}

export interface RandomCrop {
  readonly kind: 'randomCrop';
  readonly size: readonly [number, number];
  readonly padding: readonly [number, number, number, number];
  readonly fill: number;
  readonly paddingMode: PaddingMode;
  readonly p: number;
}

function paddingOf(kind: string, value: unknown): [number, number, number, number] {
  const side = (name: string, x: unknown) => expectNumber(name, x, { min: 0, max: 65_535, integer: true });
  const name = `${kind}: padding`;
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

/**
 * A random window of `size` of the padded image. Draws `top`, `left` in the padded image (pixels). Source: torchvision v2
 * RandomCrop.
 *
 * @param size pixels: a number for a square, or [height, width].
 * @throws {OptionError} a size below 1, a negative padding, an unknown mode.
 */
export function randomCrop(size: Size, options: RandomCropOptions = {}): RandomCrop {
  const kind = 'randomCrop';
  checkOptions(kind, options, ['padding', 'fill', 'paddingMode', 'p']);
  return {
    kind,
    size: sizePair(kind, size),
    padding: paddingOf(kind, options.padding ?? 0),
    fill: fillValue(kind, options.fill ?? 0),
    paddingMode: expectOneOf(`${kind}: paddingMode`, options.paddingMode ?? 'constant', paddingModes),
    p: probability(kind, options.p ?? 1),
  };
}
