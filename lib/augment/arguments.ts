/** Checks that transforms share: sizes, ranges, probabilities. Messages start with the transform's name. */
import { OptionError } from '../errors.ts';
import { describe, expectNumber, expectOneOf } from '../validate.ts';

/** A number of pixels for a square, or [height, width]. */
export type Size = number | readonly [number, number];
/** [min, max]. */
export type Range = readonly [number, number];
export type Interpolation = 'nearest' | 'bilinear';

// Wider than any image that fits into memory; keeps products inside 32 bits.
const largestSize = 65_535;

export const pixels = (name: string, value: unknown): number =>
  expectNumber(name, value, { min: 1, max: largestSize, integer: true });

export const probability = (where: string, value: unknown): number =>
  expectNumber(`${where}: p`, value, { min: 0, max: 1 });

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

export function sizePair(where: string, value: unknown): [number, number] {
  if (!Array.isArray(value)) {
    const side = pixels(`${where}: size`, value);
    return [side, side];
  }
  return expectList(`${where}: size`, value, 2, pixels) as [number, number];
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
  value: unknown,
  bounds: { min?: number; max?: number } = {},
): [number, number] {
  if (typeof value !== 'number') return expectRange(name, value, bounds);
  const d = expectNumber(name, value, { min: 0, ...(bounds.max !== undefined && { max: bounds.max }) });
  return [d === 0 ? 0 : -d, d];
}

export const interpolation = (where: string, value: unknown): Interpolation =>
  expectOneOf(`${where}: interpolation`, value, ['nearest', 'bilinear']);

/** The value of pixels that lie outside the image, in the image's own range [0, 1]. */
export const fillValue = (where: string, value: unknown): number => expectNumber(`${where}: fill`, value);
