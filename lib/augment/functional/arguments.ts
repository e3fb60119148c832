/**
 * Parameters as the functions on image tensors take them: one for all images, or one for each. Types are checked here, ranges
 * natively; that of a `Factor` here too, since an array goes as a tensor, whose values the job alone reads, too late to throw.
 */
import { DTypeError, OptionError } from '../../errors.ts';
import type { OptionTable } from '../../options/option.ts';
import { Tensor, tensor } from '../../tensor/tensor.ts';
import { describe, expectNumber, type NumberRange } from '../../validate.ts';

/** A number for all images, or one for each of them, in the order of the flattened leading dimensions. */
export type PerImage = number | readonly number[];
/** Also a tensor () or (images) on the images' device, through which gradients pass. */
export type Factor = PerImage | Tensor;
/** A pair for all images, or one for each. */
export type PairPerImage = readonly [number, number] | readonly (readonly [number, number])[];

export function expectImages(where: string, images: unknown): Tensor {
  if (images instanceof Tensor) return images;
  throw new DTypeError(`${where}: images must be a Tensor, got ${describe(images)}`);
}

/** Numbers for all images or each, checked, as a flat list. */
export function list(name: string, value: unknown, range: NumberRange = {}): number[] {
  if (!Array.isArray(value)) return [expectNumber(name, value, range)];
  if (value.length === 0) throw new OptionError(`${name} must hold at least one number, got an empty array`);
  return value.map((element, i) => expectNumber(`${name}[${i}]`, element, range));
}

/**
 * `run` with a parameter that native operations take as a tensor: a number stays one, an array goes to the images' device
 * for the time of the call.
 */
export function withFactor(
  name: string,
  value: Factor,
  images: Tensor,
  range: NumberRange,
  run: (factor: Tensor | number) => Tensor,
): Tensor {
  if (value instanceof Tensor) return run(value);
  const numbers = list(name, value, range);
  if (!Array.isArray(value)) return run(numbers[0] as number);
  using factor = tensor(numbers, { device: images.device });
  return run(factor);
}

/** A pair for all images, or one for each, as a flat list. */
export function pairs(name: string, value: unknown, range: NumberRange = {}): number[] {
  if (!Array.isArray(value) || value.length === 0)
    throw new OptionError(`${name} must be a pair of numbers, or one for each image, got ${describe(value)}`);
  const each = Array.isArray(value[0]) ? value : [value];
  return each.flatMap((pair, i) => {
    if (!Array.isArray(pair) || pair.length !== 2)
      throw new OptionError(`${name}[${i}] must be a pair of numbers, got ${describe(pair)}`);
    return list(`${name}[${i}]`, pair, range);
  });
}

/** Pixels of a window, from 0, for all images or each. */
export const placeOption = {
  type: 'checked',
  required: true,
  check: (name: string, value: PerImage) => list(name, value, { min: 0, integer: true }),
} as const;

/** A window of each image. */
export const windowOptions = {
  top: placeOption,
  left: placeOption,
  height: placeOption,
  width: placeOption,
} as const satisfies OptionTable;

/** Several lists side by side, one row an image: the number of one that holds one is repeated. */
export function side(where: string, columns: Readonly<Record<string, readonly number[]>>): number[] {
  const lists = Object.values(columns);
  const rows = Math.max(...lists.map(({ length }) => length));
  for (const [name, { length }] of Object.entries(columns))
    if (length !== 1 && length !== rows)
      throw new OptionError(`${where}: ${name} must hold 1 number or ${rows}, got ${length}`);
  return Array.from({ length: rows }, (_, row) =>
    lists.map((column) => column[column.length === 1 ? 0 : row] as number),
  ).flat();
}
