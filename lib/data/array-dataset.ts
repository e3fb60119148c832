/** Images that are already in memory. */
import { types } from 'node:util';
import { DataError, DTypeError, ShapeError } from '../errors.ts';
import type { OptionsOf, OptionTable } from '../options/option.ts';
import { asGiven, resolveOptions } from '../options/resolve.ts';
import { describe } from '../validate.ts';
import { checkIndex, type Dataset } from './dataset.ts';

const declared = {
  /** [count, height, width, channels] */
  shape: { type: 'checked', required: true, check: asGiven<readonly [number, number, number, number]> },
  /** One class index (from 0) an image. */
  labels: { type: 'checked', check: asGiven<ArrayLike<number>> },
  /** Class names; every label must index them. */
  classes: { type: 'checked', check: asGiven<readonly string[]> },
  name: { type: 'string', default: 'array' },
  source: { type: 'string', default: 'memory' },
} as const satisfies OptionTable;

export interface ArrayDatasetOptions extends OptionsOf<typeof declared> {}

/**
 * A data set over one array of pixels, which is not copied: samples are views of it.
 *
 * @param pixels uint8 (count, height, width, channels), channels last.
 * @throws {DTypeError} pixels are not a Uint8Array.
 * @throws {ShapeError} `shape` is not four integers, or the pixels or labels do not fit it.
 * @throws {DataError} no images, or a label that is not an integer >= 0 or has no class name.
 * @example
 * const dataset = arrayDataset(new Uint8Array(2 * 8 * 8 * 3), { shape: [2, 8, 8, 3], labels: [0, 1] });
 */
export function arrayDataset(pixels: Uint8Array, options: ArrayDatasetOptions): Dataset {
  const { shape, labels, classes, name, source } = resolveOptions('arrayDataset', declared, options);
  if (!types.isUint8Array(pixels))
    throw new DTypeError(`${name}: pixels must be a Uint8Array of values 0 to 255, got ${describe(pixels)}`);
  const isShape = Array.isArray(shape) && shape.length === 4 && shape.every((n) => Number.isSafeInteger(n) && n >= 0);
  if (!isShape) throw new ShapeError(`${name}: shape must be [count, height, width, channels], got [${String(shape)}]`);
  const [count, height, width, channels] = shape;
  if (count === 0) throw new DataError(`${name}: the data set is empty`);
  const size = height * width * channels;
  if (size === 0 || pixels.length !== count * size)
    throw new ShapeError(
      `${name}: pixels must hold ${shape.join(' × ')} = ${count * size} values, at least one an image, got ${pixels.length}`,
    );
  checkLabels(name, count, labels, classes);
  return {
    name,
    length: count,
    source,
    ...(classes && { classes }),
    ...(labels && { labels }),
    get(index) {
      checkIndex(name, index, count);
      const label = labels?.[index];
      return {
        pixels: pixels.subarray(index * size, (index + 1) * size),
        height,
        width,
        channels,
        ...(label !== undefined && { label }),
      };
    },
  };
}

function checkLabels(
  name: string,
  count: number,
  labels: ArrayLike<number> | undefined,
  classes: readonly string[] | undefined,
): void {
  if (labels === undefined) return;
  if (labels.length !== count)
    throw new ShapeError(`${name}: labels must have shape [${count}], one an image, got [${labels.length}]`);
  const bound = classes?.length ?? Number.MAX_SAFE_INTEGER;
  for (let i = 0; i < count; i++) {
    const label = labels[i] as number;
    if (!Number.isSafeInteger(label) || label < 0 || label >= bound) {
      const range = classes ? `an integer from 0 to ${bound - 1}` : 'an integer >= 0';
      throw new DataError(`${name}: label of sample ${i} must be ${range}, got ${describe(label)}`);
    }
  }
}
