/**
 * CIFAR-10 and CIFAR-100, binary version: records of one label byte (CIFAR-100: coarse, then fine), then 3072 bytes,
 * the red, green and blue planes of 32×32. Source: A. Krizhevsky, https://www.cs.toronto.edu/~kriz/cifar.html.
 */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { types } from 'node:util';
import { DataError, messageOf } from '../errors.ts';
import type { ResolvedOf } from '../options/option.ts';
import { checkIndex, type Dataset } from './dataset.ts';
import { expectFolder, findFile, statOrUndefined } from './files.ts';
import type { Split } from './idx.ts';
import { datasetOptions, defineDataset } from './registry.ts';

const kSide = 32;
const kPlane = kSide * kSide;
const kPixels = 3 * kPlane;

interface Layout {
  name: 'cifar10' | 'cifar100';
  /** Where the archive's own folder is looked for inside the root. */
  folder: string;
  files: Record<Split, readonly string[]>;
  /** Files that only the Python version has, from the root. */
  python: readonly string[];
  /** Label bytes before the pixels; the last is the class. */
  labelBytes: 1 | 2;
  classCount: number;
  classNames: string;
}

const layouts: Record<Layout['name'], Layout> = {
  cifar10: {
    name: 'cifar10',
    folder: 'cifar-10-batches-bin',
    files: { train: [1, 2, 3, 4, 5].map((n) => `data_batch_${n}.bin`), test: ['test_batch.bin'] },
    python: ['data_batch_1', 'cifar-10-batches-py/data_batch_1'],
    labelBytes: 1,
    classCount: 10,
    classNames: 'batches.meta.txt',
  },
  cifar100: {
    name: 'cifar100',
    folder: 'cifar-100-binary',
    files: { train: ['train.bin'], test: ['test.bin'] },
    python: ['train', 'cifar-100-python/train'],
    labelBytes: 2,
    classCount: 100,
    classNames: 'fine_label_names.txt',
  },
};

/** Checks the records of one file and returns how many there are. */
function checkRecords(bytes: Uint8Array, file: string, layout: Layout): number {
  const record = layout.labelBytes + kPixels;
  if (bytes.length === 0 || bytes.length % record !== 0)
    throw new DataError(`${file}: expected records of ${record} bytes, got ${bytes.length} bytes`);
  const count = bytes.length / record;
  for (let i = 0; i < count; i++) {
    const label = bytes[i * record + layout.labelBytes - 1] as number;
    if (label >= layout.classCount)
      throw new DataError(`${file}: label of record ${i} must be 0 to ${layout.classCount - 1}, got ${label}`);
  }
  return count;
}

/** Class names, one a line; undefined when the file is not there, as in some mirrors. */
async function readClassNames(folder: string, layout: Layout): Promise<string[] | undefined> {
  const path = join(folder, layout.classNames);
  if (!(await statOrUndefined(path))?.isFile()) return undefined;
  const names = (await readFile(path, 'utf8')).split(/\r?\n/).filter((line) => line.trim() !== '');
  if (names.length !== layout.classCount)
    throw new DataError(`${path}: expected ${layout.classCount} class names, one a line, got ${names.length}`);
  return names;
}

/**
 * Reads CIFAR from the folder `root` or from the archive's own folder inside it. Labels of CIFAR-100 are the fine ones.
 * Sample ids count from 0 over the split's files in order; `limit` keeps the first ones.
 *
 * @throws {DataError} naming the file: missing, truncated, a label out of range, or the Python version of the archive.
 */
export async function cifarDataset(
  name: Layout['name'],
  { root, split, limit = Number.POSITIVE_INFINITY }: ResolvedOf<typeof datasetOptions>,
): Promise<Dataset> {
  const layout = layouts[name];
  await expectFolder(name, root);
  const inner = join(root, layout.folder);
  const folder = (await statOrUndefined(inner))?.isDirectory() ? inner : root;
  const record = layout.labelBytes + kPixels;
  const parts: { bytes: Uint8Array; first: number }[] = [];
  let length = 0;
  for (const file of layout.files[split]) {
    if (length >= limit) break;
    const path = join(folder, file);
    const bytes = await readFile(path).catch((error: unknown) => error);
    if (!types.isUint8Array(bytes)) throw await missing(path, root, layout, bytes);
    parts.push({ bytes, first: length });
    length += checkRecords(bytes, path, layout);
  }
  length = Math.min(length, limit);
  const classes = await readClassNames(folder, layout);
  const labels = parts
    .flatMap(({ bytes }) =>
      Array.from({ length: bytes.length / record }, (_, i) => bytes[i * record + layout.labelBytes - 1] as number),
    )
    .slice(0, length);
  return {
    name,
    length,
    source: folder,
    ...(classes && { classes }),
    labels,
    get(index) {
      checkIndex(name, index, length);
      const part = parts.findLast(({ first }) => first <= index) as (typeof parts)[number];
      const start = (index - part.first) * record + layout.labelBytes;
      const planes = part.bytes.subarray(start, start + kPixels);
      const pixels = new Uint8Array(kPixels);
      for (let i = 0; i < kPlane; i++) for (let c = 0; c < 3; c++) pixels[3 * i + c] = planes[c * kPlane + i] as number;
      const label = part.bytes[start - 1] as number;
      return { pixels, height: kSide, width: kSide, channels: 3, label };
    },
  };
}

async function missing(path: string, root: string, layout: Layout, cause: unknown): Promise<DataError> {
  const python = await findFile([root], layout.python);
  const hint =
    python === undefined
      ? `expected the files of the binary version (${[...layout.files.train, ...layout.files.test].join(', ')})`
      : `'${python}' belongs to the Python version; download the binary version`;
  return new DataError(`${path}: cannot be read: ${messageOf(cause)}; ${hint}`, { cause });
}

/** The figures are SupContrast's. */
defineDataset({
  name: 'cifar10',
  input: { size: 32, mean: [0.4914, 0.4822, 0.4465], std: [0.2023, 0.1994, 0.201] },
  help: [['cifar10:DIR', 'the binary version']],
  options: datasetOptions,
  load: (options) => cifarDataset('cifar10', options),
});

defineDataset({
  name: 'cifar100',
  input: { size: 32, mean: [0.5071, 0.4867, 0.4408], std: [0.2675, 0.2565, 0.2761] },
  help: [['cifar100:DIR', 'the binary version; labels are the fine ones']],
  options: datasetOptions,
  load: (options) => cifarDataset('cifar100', options),
});
