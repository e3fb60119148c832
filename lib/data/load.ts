/** Data sets by name. */
import { join } from 'node:path';
import { DataError, OptionError } from '../errors.ts';
import { checkOptions, describe, expectNumber, expectOneOf, expectString } from '../validate.ts';
import { cifarDataset } from './cifar.ts';
import type { Dataset } from './dataset.ts';
import { imageFileNames } from './decode.ts';
import { fashionMnistDataset } from './fashion-mnist.ts';
import { expectFolder } from './files.ts';
import { type FolderDataset, type FolderOptions, folderDataset } from './folder.ts';
import type { FolderSplit } from './folder-splits.ts';
import { findIdxFiles, idxDataset, type Split } from './idx.ts';
import { type Stl10Split, stl10Dataset } from './stl10.ts';

export type DatasetName = 'fashion-mnist' | 'mnist' | 'cifar10' | 'cifar100' | 'stl10' | 'folder';

export interface LoadOptions {
  /** Folder of the files. Needed by all but 'fashion-mnist'. */
  root?: string;
  /** Default 'train'. */
  split?: Split;
  /** Keeps this many samples: the first ones; of 'folder', evenly spaced ones, so that every class stays. */
  limit?: number;
}

export interface LoadFashionMnistOptions extends LoadOptions {
  /** 'bundled': the 10 000 training and 2 000 test images that the package carries, whatever is installed. */
  subset?: 'bundled';
}

export interface LoadStl10Options extends Omit<LoadOptions, 'split'> {
  /** Default 'train'; 'unlabeled' are the 100 000 images without labels. */
  split?: Stl10Split;
  /** One of the ten predefined folds of the training images, 0 to 9. Default: all. */
  fold?: number;
}

export interface LoadFolderOptions extends Omit<LoadOptions, 'split'>, Partial<Omit<FolderOptions, keyof LoadOptions>> {
  /** Default 'train'. 'val' is the folder `val`; 'test' is `test`, else `val`. */
  split?: FolderSplit;
}

type AnySplit = Stl10Split | FolderSplit;

type AnyOptions = Omit<LoadFashionMnistOptions & LoadFolderOptions & LoadStl10Options, 'split'> & { split?: AnySplit };

const names: readonly DatasetName[] = ['fashion-mnist', 'mnist', 'cifar10', 'cifar100', 'stl10', 'folder'];
const common = ['root', 'split', 'limit'] as const;
const splitsOf: Partial<Record<DatasetName, readonly AnySplit[]>> = {
  stl10: ['train', 'test', 'unlabeled'],
  folder: ['train', 'val', 'test'],
};
const own: Partial<Record<DatasetName, readonly string[]>> = {
  'fashion-mnist': ['subset'],
  stl10: ['fold'],
  folder: ['layout', 'size', 'channels', 'onError', 'signal', ...imageFileNames],
};

/**
 * Loads a data set. Gray sets and CIFAR are read into memory; images of a folder are decoded when they are read.
 *
 * - 'fashion-mnist': `root`, else the full set where Debian's dataset-fashion-mnist or `downloadFashionMnist` put it,
 *   else the bundled subset; `dataset.source` says which.
 * - 'mnist': IDX files, .gz or not, in `root`.
 * - 'cifar10', 'cifar100' (fine labels): binary version in `root`.
 * - 'stl10': binary version in `root`; images are read when they are asked for.
 * - 'folder': JPEG, PNG, WebP, GIF, TIFF and AVIF files below `root`; a class a sub-folder, or no labels. When the
 *   sub-folders of `root` are called as splits are (train, Training, val, dev, test, …), `split` chooses; else all of it is
 *   'train'. `describeDataset` says what was found, and what was left out.
 *
 * @throws {OptionError} an unknown name or option.
 * @throws {DataError} a folder or file that is missing, empty or damaged, named in the message.
 * @example
 * const train = await loadDataset('fashion-mnist', { split: 'train', limit: 1000 });
 */
export function loadDataset(name: 'folder', options: LoadFolderOptions): Promise<FolderDataset>;
export function loadDataset(name: 'fashion-mnist', options?: LoadFashionMnistOptions): Promise<Dataset>;
export function loadDataset(name: 'stl10', options: LoadStl10Options): Promise<Dataset>;
export function loadDataset(name: DatasetName, options?: AnyOptions): Promise<Dataset>;
export async function loadDataset(name: DatasetName, options: AnyOptions = {}): Promise<Dataset> {
  expectOneOf('dataset', name, names);
  const where = `loadDataset('${name}')`;
  checkOptions(where, options, [...common, ...(own[name] ?? [])]);
  const { root, split: asked = 'train', limit, fold, ...rest } = options;
  const wanted = expectOneOf(`${where}: split`, asked, splitsOf[name] ?? ['train', 'test']);
  if (limit !== undefined) expectNumber(`${where}: limit`, limit, { min: 1, integer: true });
  if (root !== undefined) expectString(`${where}: root`, root);
  const split = wanted as Split; // of all but stl10 and folder
  const range = { split, ...(limit !== undefined && { limit }) };
  if (name === 'fashion-mnist') {
    if (rest.subset !== undefined) expectOneOf(`${where}: subset`, rest.subset, ['bundled']);
    if (root !== undefined && rest.subset !== undefined)
      throw new OptionError(`${where}: root and subset exclude each other`);
    return fashionMnistDataset({ ...range, ...rest, ...(root !== undefined && { root }) });
  }
  if (root === undefined) throw new OptionError(`${where}: root must be the folder that holds the files`);
  if (name === 'stl10') {
    if (fold !== undefined) expectNumber(`${where}: fold`, fold, { min: 0, max: 9, integer: true });
    if (fold !== undefined && wanted !== 'train')
      throw new OptionError(`${where}: fold is a part of split 'train', got split '${wanted}'`);
    return stl10Dataset({ ...range, split: wanted as Stl10Split, root, ...(fold !== undefined && { fold }) });
  }
  if (name === 'mnist') return mnistDataset({ ...range, root });
  if (name !== 'folder') return cifarDataset(name, { ...range, root });
  checkFolderOptions(where, rest);
  return folderDataset({ ...range, ...rest, split: wanted as FolderSplit, root });
}

function checkFolderOptions(where: string, { layout, size, channels, onError }: LoadFolderOptions): void {
  if (layout !== undefined) expectOneOf(`${where}: layout`, layout, ['auto', 'classes', 'flat']);
  if (size !== undefined) expectNumber(`${where}: size`, size, { min: 1, integer: true });
  if (channels !== undefined && channels !== 1 && channels !== 3)
    throw new OptionError(`${where}: channels must be 1 or 3, got ${describe(channels)}`);
  if (onError !== undefined) expectOneOf(`${where}: onError`, onError, ['throw', 'skip']);
}

async function mnistDataset({ root, split, limit }: { root: string; split: Split; limit?: number }): Promise<Dataset> {
  await expectFolder('mnist', root);
  const files = await findIdxFiles([root, join(root, 'raw'), join(root, 'MNIST', 'raw')], split);
  if (!files)
    throw new DataError(
      `mnist: '${root}' must hold ${split === 'train' ? 'train' : 't10k'}-images-idx3-ubyte and …-labels-idx1-ubyte, .gz or not`,
    );
  const classes = Array.from({ length: 10 }, (_, digit) => String(digit));
  return idxDataset(files, { name: 'mnist', classes, source: root, ...(limit !== undefined && { limit }) });
}
