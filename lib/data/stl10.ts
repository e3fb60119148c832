/**
 * STL-10, binary version: PREFIX_X.bin holds images of 96×96 one after the other, each as its red, green and blue planes,
 * and a plane column by column; PREFIX_y.bin holds a label byte an image, 1 to 10. fold_indices.txt has ten lines, each the
 * 1000 training images of a fold. Source: Coates, Ng & Lee 2011, https://cs.stanford.edu/~acoates/stl10.
 */
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DataError, messageOf, OptionError } from '../errors.ts';
import type { OptionTable, ResolvedOf } from '../options/option.ts';
import { checkIndex, type Dataset, subset } from './dataset.ts';
import { expectFolder, statOrUndefined } from './files.ts';
import { datasetOptions, defineDataset } from './registry.ts';

const kSide = 96;
const kPlane = kSide * kSide;
const kPixels = 3 * kPlane;
const kClasses = 10;
const kFolder = 'stl10_binary';
const kFolds = 10;
/** A line of a fold is about 5 kB. */
const kMaxFoldBytes = 1_000_000;

export const stl10Options = {
  ...datasetOptions,
  /** Default 'train'; 'unlabeled' are the 100 000 images without labels. */
  split: { type: 'string', choices: ['train', 'test', 'unlabeled'], default: 'train' },
  /** One of the ten predefined folds of the training images, 0 to 9. Default: all. */
  fold: { type: 'number', min: 0, max: kFolds - 1, integer: true },
} as const satisfies OptionTable;

/** How many images a file holds. */
async function countImages(file: string): Promise<number> {
  const stats = await statOrUndefined(file);
  if (!stats?.isFile())
    throw new DataError(`${file}: there is no such file; expected train_X.bin, train_y.bin, test_X.bin, test_y.bin and \
unlabeled_X.bin of the binary version`);
  if (stats.size === 0 || stats.size % kPixels !== 0)
    throw new DataError(`${file}: expected images of ${kPixels} bytes, got ${stats.size} bytes`);
  return stats.size / kPixels;
}

/** Class indices from 0. */
async function readLabelFile(file: string, count: number): Promise<Uint8Array> {
  const stats = await statOrUndefined(file);
  if (stats?.size !== count)
    throw new DataError(`${file}: expected ${count} labels, a byte an image, got ${stats?.size ?? 'no file'}`);
  const labels = await readFile(file).catch((error: unknown) => {
    throw new DataError(`${file}: cannot be read: ${messageOf(error)}`, { cause: error });
  });
  const wrong = labels.findIndex((label) => label < 1 || label > kClasses);
  if (wrong !== -1 || labels.length !== count)
    throw new DataError(`${file}: label ${wrong} must be 1 to ${kClasses}, got ${labels[wrong]}`);
  return labels.map((label) => label - 1);
}

/** Class names, one a line; undefined when the file is not there. */
async function readClassNames(file: string): Promise<string[] | undefined> {
  if (!(await statOrUndefined(file))?.isFile()) return undefined;
  const names = (await readFile(file, 'utf8')).split(/\r?\n/).filter((line) => line.trim() !== '');
  if (names.length !== kClasses)
    throw new DataError(`${file}: expected ${kClasses} class names, one a line, got ${names.length}`);
  return names;
}

async function readFold(file: string, fold: number, count: number): Promise<number[]> {
  const stats = await statOrUndefined(file);
  if (!stats?.isFile()) throw new DataError(`${file}: there is no such file`);
  if (stats.size > kMaxFoldBytes)
    throw new DataError(`${file}: expected at most ${kMaxFoldBytes} bytes of indices, got ${stats.size}`);
  const lines = (await readFile(file, 'utf8')).split(/\r?\n/).filter((line) => line.trim() !== '');
  if (lines.length !== kFolds) throw new DataError(`${file}: expected ${kFolds} lines of indices, got ${lines.length}`);
  const words = (lines[fold] as string).trim().split(/\s+/);
  return words.map((word) => {
    const index = /^\d{1,9}$/.test(word) ? Number(word) : Number.NaN;
    if (!(index < count))
      throw new DataError(`${file}: fold ${fold} must hold indices from 0 to ${count - 1}, got '${word.slice(0, 20)}'`);
    return index;
  });
}

/** One image of a file, row by row with its channels side by side. */
async function readImage(file: string, index: number): Promise<Uint8Array> {
  const planes = new Uint8Array(kPixels);
  const handle = await open(file);
  try {
    const { bytesRead } = await handle.read(planes, 0, kPixels, index * kPixels);
    if (bytesRead !== kPixels)
      throw new DataError(`${file}: image ${index} is cut off: ${bytesRead} of ${kPixels} bytes`);
  } finally {
    await handle.close();
  }
  const pixels = new Uint8Array(kPixels);
  let at = 0;
  for (let y = 0; y < kSide; y++)
    for (let x = 0; x < kSide; x++)
      for (let plane = 0; plane < kPixels; plane += kPlane) pixels[at++] = planes[plane + x * kSide + y] as number;
  return pixels;
}

/**
 * Reads STL-10 from the folder `root` or from the archive's own folder inside it. Images are read when they are asked for:
 * the 100 000 without labels are 2.8 GB.
 *
 * @throws {DataError} naming the file: missing, truncated, or a label or index out of range.
 */
export async function stl10Dataset(
  { root, split, fold, limit }: ResolvedOf<typeof stl10Options>,
  where = 'stl10',
): Promise<Dataset> {
  if (fold !== undefined && split !== 'train')
    throw new OptionError(`${where}: fold is a part of split 'train', got split '${split}'`);
  await expectFolder('stl10', root);
  const inner = join(root, kFolder);
  const folder = (await statOrUndefined(inner))?.isDirectory() ? inner : root;
  const file = join(folder, `${split}_X.bin`);
  const count = await countImages(file);
  const labels = split === 'unlabeled' ? undefined : await readLabelFile(join(folder, `${split}_y.bin`), count);
  const classes = split === 'unlabeled' ? undefined : await readClassNames(join(folder, 'class_names.txt'));
  const whole: Dataset = {
    name: 'stl10',
    length: count,
    source: folder,
    ...(classes && { classes }),
    ...(labels && { labels }),
    async get(index) {
      checkIndex('stl10', index, count);
      const label = labels?.[index];
      const pixels = await readImage(file, index);
      return { pixels, height: kSide, width: kSide, channels: 3, ...(label !== undefined && { label }) };
    },
  };
  if (fold === undefined && (limit === undefined || limit >= count)) return whole;
  const indices =
    fold === undefined
      ? Array.from({ length: count }, (_, i) => i)
      : await readFold(join(folder, 'fold_indices.txt'), fold, count);
  return subset(whole, indices.slice(0, limit));
}

/** The figures are ImageNet's, whose images they are, as torchvision quotes them. */
defineDataset({
  name: 'stl10',
  input: { size: 96, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
  help: [['stl10:DIR', 'the binary version']],
  options: stl10Options,
  load: stl10Dataset,
});
