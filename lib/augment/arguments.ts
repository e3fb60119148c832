/** What transforms share: checks of sizes and ranges, options that many have, and the way from options to a transform. */
import { OptionError } from '../errors.ts';
import { orNull } from '../options/kinds.ts';
import { checkNames } from '../options/names.ts';
import type { OptionTable, ResolvedOf } from '../options/option.ts';
import { resolveOptions } from '../options/resolve.ts';
import { describe, expectNumber } from '../validate.ts';

/** A number of pixels for a square, or [height, width]. */
export type Size = number | readonly [number, number];
/** [min, max]. */
export type Range = readonly [number, number];
export type Interpolation = 'nearest' | 'bilinear';

/** A number of pixels: wider than any image that fits into memory; keeps products inside 32 bits. */
export const pixelCount = { type: 'number', min: 1, max: 65_535, integer: true } as const;

export const pixels = (name: string, value: unknown): number => expectNumber(name, value, pixelCount);

/** A list of `length` numbers, each as `check` wants it. */
export function expectList(
  name: string,
  value: unknown,
  length: number | readonly [number, number],
  check: (name: string, value: unknown) => number,
): number[] {
  const [least, most] = typeof length === 'number' ? [length, length] : length;
  if (!Array.isArray(value) || value.length < least || value.length > most) {
    const expected = least === most ? `${least} numbers` : `${least} to ${most} numbers`;
    throw new OptionError(`${name} must be an array of ${expected}, got ${describe(value)}`);
  }
  return value.map((element, i) => check(`${name}[${i}]`, element));
}

export function sizePair(name: string, value: Size): readonly [number, number] {
  if (!Array.isArray(value)) {
    const side = pixels(name, value);
    return [side, side];
  }
  return expectList(name, value, 2, pixels) as [number, number];
}

type Padding = readonly [left: number, top: number, right: number, bottom: number];

/** Of a number of pixels for all sides, [x, y], or one for each side. */
export function paddingOf(name: string, value: number | readonly number[]): Padding {
  const side = (inner: string, x: unknown) => expectNumber(inner, x, { ...pixelCount, min: 0 });
  if (!Array.isArray(value)) {
    const all = side(name, value);
    return [all, all, all, all];
  }
  if (value.length !== 2 && value.length !== 4)
    throw new OptionError(`${name} must be a number, [x, y] or four numbers, got ${describe(value)}`);
  const sides = value.map((x, i) => side(`${name}[${i}]`, x));
  return (sides.length === 2 ? [...sides, ...sides] : sides) as [number, number, number, number];
}

/** [min, max] with bounds on both; `above` leaves the bound itself out. */
export function expectRange(
  name: string,
  value: unknown,
  bounds: { min?: number; max?: number; above?: number } = {},
): [number, number] {
  const [min, max] = expectList(name, value, 2, (inner, x) => expectNumber(inner, x, bounds)) as [number, number];
  if (min > max) throw new OptionError(`${name} must be [min, max] with min <= max, got [${min}, ${max}]`);
  return [min, max];
}

/** A number d for [-d, d], or [min, max]. */
export function symmetricRange(
  name: string,
  value: number | Range,
  bounds: { min?: number; max?: number } = {},
): Range {
  if (typeof value !== 'number') return expectRange(name, value, bounds);
  const d = expectNumber(name, value, { min: 0, ...(bounds.max !== undefined && { max: bounds.max }) });
  return [d === 0 ? 0 : -d, d];
}

/** [min, max], both above 0. */
export const positiveRange = (name: string, value: Range): Range => expectRange(name, value, { above: 0 });

/** The value of pixels that lie outside the image, in the image's own range [0, 1]. */
export const fill = { type: 'number', default: 0 } as const;

/** How an image goes on outside. */
export const outside = {
  /** What 'constant' padding holds, in [0, 1]; default 0. */
  fill,
  /** Default 'constant'; 'edge' repeats the border pixel, 'reflect' mirrors the image without it, 'symmetric' with it. */
  paddingMode: { type: 'string', choices: ['constant', 'edge', 'reflect', 'symmetric'], default: 'constant' },
} as const satisfies OptionTable;

export const interpolation = { type: 'string', choices: ['nearest', 'bilinear'] } as const;

const fillOrNone = orNull((name: string, value: number) => expectNumber(name, value));

/** Options of transforms that move pixels. */
export const warp = <const I extends Interpolation, const F extends number | null = 0>(
  byDefault: I,
  fillByDefault: F = 0 as F,
) =>
  ({
    interpolation: { ...interpolation, default: byDefault },
    /**
     * The value of pixels from outside the image, in [0, 1], with which 'bilinear' blends the edge; null: they are 0, and the edge is
     * not blended. Default 0, of policies null, as in torchvision.
     */
    fill: { type: 'checked', default: fillByDefault, check: fillOrNone },
  }) as const;

export const applied = (byDefault: number) =>
  ({
    /** The probability that it is applied, drawn for each sample and view. */
    p: { type: 'number', default: byDefault, min: 0, max: 1 },
  }) as const;

/** A transform as plain data: its kind, and its options with the defaults filled in. */
export type TransformOf<K extends string, T extends OptionTable> = { readonly kind: K } & ResolvedOf<T>;

/**
 * @param positional what its function takes before the options.
 * @throws {OptionError} an unknown option or a wrong value, in a message that begins with the kind.
 */
export function transformOf<const K extends string, const T extends OptionTable>(
  kind: K,
  declared: T,
  options: object,
  positional: { readonly [name in keyof T]?: unknown } = {},
): TransformOf<K, T> {
  checkNames(
    kind,
    options,
    Object.keys(declared).filter((name) => !(name in positional)),
  );
  return { kind, ...resolveOptions(kind, declared, { ...options, ...positional }, `${kind}: `) };
}
