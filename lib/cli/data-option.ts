/** `--data NAME[:PATH]`: which images, where they are, and what is known of them. */
import { resolve } from 'node:path';
import type { Dataset } from '../data/dataset.ts';
import type { FolderSplit } from '../data/folder-splits.ts';
import { type DatasetName, loadDataset } from '../data/load.ts';
import type { Stl10Split } from '../data/stl10.ts';
import { DataError, messageOf, OptionError } from '../errors.ts';
import type { StringOption } from '../options/option.ts';
import { expectOneOf } from '../validate.ts';
import type { Output } from './output.ts';

export interface DataSource {
  readonly name: DatasetName;
  /** Absolute; 'bundled' is the Fashion-MNIST subset of the package; null where the data set has a place of its own. */
  readonly path: string | null;
}

/** The input that a data set is usually trained with. */
export interface DataProfile {
  /** Side in pixels. */
  readonly size: number;
  /** Of pixels scaled to 0 … 1; one number where the images are gray. */
  readonly mean: number | readonly number[];
  readonly std: number | readonly number[];
}

/** CIFAR's figures are SupContrast's; those of folders, and of STL-10, whose images are ImageNet's, as torchvision quotes them. */
const profiles: Readonly<Record<DatasetName, DataProfile>> = {
  'fashion-mnist': { size: 28, mean: 0.286, std: 0.353 },
  mnist: { size: 28, mean: 0.1307, std: 0.3081 },
  cifar10: { size: 32, mean: [0.4914, 0.4822, 0.4465], std: [0.2023, 0.1994, 0.201] },
  cifar100: { size: 32, mean: [0.5071, 0.4867, 0.4408], std: [0.2675, 0.2565, 0.2761] },
  stl10: { size: 96, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
  folder: { size: 224, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
};

const names = Object.keys(profiles) as DatasetName[];

export const dataOption = {
  type: 'string',
  value: 'NAME[:PATH]',
  help: `${names.join(', ')}; PATH is the folder of its files`,
} as const satisfies StringOption;

export const skipDamaged = {
  type: 'boolean',
  help: 'of folder: read all images first, and leave out those that cannot be decoded, with a warning each',
} as const;

/** What `--help` says of data sets, the same in every command. */
export const dataHelp = `--data NAME[:PATH] names a data set and the folder of its files:
  fashion-mnist          the full set where one is installed, else the 12 000 images of this package
  fashion-mnist:bundled  those 10 000 training and 2 000 test images, whatever is installed
  mnist:DIR              IDX files, .gz or not
  cifar10:DIR            the binary version; cifar100:DIR and stl10:DIR likewise
  folder:DIR             JPEG, PNG, WebP, GIF, TIFF and AVIF files, a class a sub-folder; DIR/train
                         and DIR/test (or DIR/val), if they are there, are the splits, by these
                         names or like ones. Without sub-folders there are no labels, which is
                         enough for simclr`;

/** @throws {OptionError} an unknown name (with the nearest known one), or a path that is missing. */
export function parseData(text: string): DataSource {
  const colon = text.indexOf(':');
  const word = colon === -1 ? text : text.slice(0, colon);
  if (!names.includes(word as DatasetName) && /[./\\]/.test(word))
    throw new OptionError(`--data must begin with a name, got '${text}'; for a folder of images, folder:${text}`);
  const name = expectOneOf('--data', word, names);
  const path = colon === -1 ? '' : text.slice(colon + 1);
  if (path === '' && (name !== 'fashion-mnist' || colon !== -1))
    throw new OptionError(`--data ${name} needs the folder of its files: ${name}:PATH`);
  if (path === '') return { name, path: null };
  return { name, path: name === 'fashion-mnist' && path === 'bundled' ? path : resolve(path) };
}

/** The text that `parseData` takes, for a run's config. */
export const dataText = ({ name, path }: { name: string; path: string | null }): string =>
  path === null ? name : `${name}:${path}`;

export const profileOf = ({ name }: DataSource): DataProfile => profiles[name];

export interface Splits {
  readonly train: Dataset;
  /** Absent where the data has no test split, for the reason in `noTest`. */
  readonly test?: Dataset;
  readonly noTest?: string;
}

export interface LoadSplitsOptions {
  /** Most training images, and most test images. */
  readonly train?: number | undefined;
  readonly test?: number | undefined;
  /** What training takes: 'unlabeled' are STL-10's images without labels. Default 'train'. */
  readonly trainSplit?: 'train' | 'unlabeled';
  /** What is judged on: 'val' is that folder of a folder data set. Default 'test'. */
  readonly testSplit?: 'test' | 'val';
  /** Shorter side that images of a folder are decoded to, in pixels. Default: as stored. */
  readonly side?: number;
  /** Leaves out files of a folder that cannot be decoded, with a warning each, instead of failing at the first. */
  readonly skipDamaged?: boolean;
  readonly output: Output;
  readonly signal?: AbortSignal | undefined;
}

async function loadSplit(
  { name, path }: DataSource,
  split: Stl10Split | FolderSplit,
  limit: number | undefined,
  { side, skipDamaged = false, output, signal }: LoadSplitsOptions,
): Promise<Dataset> {
  const where = {
    split,
    ...(limit !== undefined && { limit }),
    ...(path === 'bundled' ? { subset: 'bundled' as const } : path !== null && { root: path }),
  };
  if (name !== 'folder') return loadDataset(name, where);
  const reading = {
    signal,
    ...(side !== undefined && { size: side }),
    ...(skipDamaged && { onError: 'skip' as const }),
  };
  const dataset = await loadDataset(name, { ...where, split: split as FolderSplit, ...reading });
  for (const { reason } of dataset.skipped) output.warn(`${reason}; skipped`);
  return dataset;
}

/**
 * @throws {DataError} training data that is missing, empty or damaged, named in the message.
 * @throws {OptionError} a split that the data set does not have.
 */
export async function loadSplits(source: DataSource, options: LoadSplitsOptions): Promise<Splits> {
  if (options.skipDamaged && source.name !== 'folder')
    throw new OptionError(`--skip-damaged belongs to --data folder:DIR, got ${source.name}`);
  const train = await loadSplit(source, options.trainSplit ?? 'train', options.train, options);
  try {
    return { train, test: await loadSplit(source, options.testSplit ?? 'test', options.test, options) };
  } catch (error) {
    if (error instanceof DataError) return { train, noTest: messageOf(error) };
    throw error;
  }
}
