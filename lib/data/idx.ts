/**
 * The IDX format of MNIST: two zero bytes, a type byte, the number of dimensions, the sizes as big-endian uint32, then
 * the values, last dimension fastest. Source: Y. LeCun, C. Cortes, "The MNIST database", "File formats".
 * Only unsigned bytes (type 8), which is all that the image sets use.
 */
import { DataError } from '../errors.ts';
import { arrayDataset } from './array-dataset.ts';
import type { Dataset } from './dataset.ts';
import { findFile, readSized } from './files.ts';

export interface IdxArray {
  shape: readonly number[];
  data: Uint8Array;
}

const kMaxDimensions = 4;
const kMaxBytes = 2 ** 31;

/** Checks the header and returns the sizes. `limit` is the most bytes that the file can hold. */
function parseHeader(head: Uint8Array, file: string, rank: number | undefined, limit: number): number[] {
  const [zero0, zero1, type, dimensions] = head as Uint8Array & [number, number, number, number];
  if (head.length < 4 || zero0 !== 0 || zero1 !== 0)
    throw new DataError(`${file}: not an IDX file: expected two zero bytes at its start`);
  if (type !== 8) throw new DataError(`${file}: IDX type must be 0x08 (unsigned byte), got 0x${hex(type)}`);
  const most = rank ?? kMaxDimensions;
  if (dimensions < (rank ?? 1) || dimensions > most)
    throw new DataError(`${file}: IDX array must have ${rank ?? `1 to ${most}`} dimensions, got ${dimensions}`);
  if (head.length < 4 + 4 * dimensions)
    throw new DataError(`${file}: IDX header must have ${4 + 4 * dimensions} bytes, got ${head.length}`);
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const shape = Array.from({ length: dimensions }, (_, d) => view.getUint32(4 + 4 * d));
  const total = valuesOf(shape); // at worst 2^128, an exact-enough double
  if (total > kMaxBytes || total + 4 + 4 * dimensions > limit)
    throw new DataError(`${file}: IDX shape [${shape}] needs ${total} bytes, more than the file can hold`);
  return shape;
}

const valuesOf = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);

const hex = (byte: number): string => byte.toString(16).padStart(2, '0');

/**
 * Parses IDX bytes (inflated). The values are a view of `bytes`.
 *
 * @param file named in messages.
 * @throws {DataError} wrong magic, type or size, truncated, or bytes left over.
 */
export function parseIdx(bytes: Uint8Array, file = 'IDX data'): IdxArray {
  const shape = parseHeader(bytes, file, undefined, Number.POSITIVE_INFINITY);
  const start = 4 + 4 * shape.length;
  const expected = start + valuesOf(shape);
  if (bytes.length !== expected)
    throw new DataError(`${file}: IDX shape [${shape}] needs ${expected} bytes, got ${bytes.length}`);
  return { shape, data: bytes.subarray(start) };
}

/**
 * Reads an IDX file, inflating it when its name ends in .gz. What it holds in memory is bounded by its header, and the
 * header by the file's size.
 *
 * @throws {DataError} naming the file, what was expected and what came.
 */
export async function readIdx(path: string, rank: 1 | 3): Promise<IdxArray> {
  const start = 4 + 4 * rank;
  const bytes = await readSized(
    path,
    start,
    (head, limit) => start + valuesOf(parseHeader(head.subarray(0, start), path, rank, limit)),
  );
  return parseIdx(bytes, path);
}

export type Split = 'train' | 'test';

const stems = { train: 'train', test: 't10k' } as const;

/** The images and labels files of a split, with or without .gz, or undefined where one is missing. */
export async function findIdxFiles(
  folders: readonly string[],
  split: Split,
): Promise<{ images: string; labels: string } | undefined> {
  for (const folder of folders) {
    const find = (name: string) => findFile([folder], [name, `${name}.gz`]);
    const images = await find(`${stems[split]}-images-idx3-ubyte`);
    const labels = await find(`${stems[split]}-labels-idx1-ubyte`);
    if (images !== undefined && labels !== undefined) return { images, labels };
  }
  return undefined;
}

/** A data set over a pair of IDX files: gray images (count, height, width) and labels (count). */
export async function idxDataset(
  files: { images: string; labels: string },
  options: { name: string; classes: readonly string[]; source: string; limit?: number | undefined },
): Promise<Dataset> {
  const { name, classes, source, limit = Number.POSITIVE_INFINITY } = options;
  const images = await readIdx(files.images, 3);
  const labels = await readIdx(files.labels, 1);
  const [count, height, width] = images.shape as [number, number, number];
  if (labels.shape[0] !== count)
    throw new DataError(`${files.labels}: expected ${count} labels, one an image, got ${labels.shape[0]}`);
  if (count === 0 || height === 0 || width === 0)
    throw new DataError(`${files.images}: the data set is empty, its shape is [${images.shape}]`);
  const wrong = labels.data.findIndex((label) => label >= classes.length);
  if (wrong !== -1)
    throw new DataError(
      `${files.labels}: label ${wrong} must be 0 to ${classes.length - 1}, got ${labels.data[wrong]}`,
    );
  const kept = Math.min(count, limit);
  const pixels = images.data.subarray(0, kept * height * width);
  return arrayDataset(kept < count ? pixels.slice() : pixels, {
    // a copy lets go of what the limit leaves out
    shape: [kept, height, width, 1],
    labels: labels.data.subarray(0, kept),
    classes,
    name,
    source,
  });
}
