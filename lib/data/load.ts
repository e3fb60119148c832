/** Data sets by name: a new one is a file, and a line here. */
import type { OptionsOf } from '../options/option.ts';
import type { Dataset } from './dataset.ts';
import type { fashionMnistOptions } from './fashion-mnist.ts';
import type { FolderDataset, folderOptions } from './folder.ts';
import { type datasetOptions, load } from './registry.ts';
import type { stl10Options } from './stl10.ts';
import type { TarDataset, tarOptions } from './tar-shards.ts';

import './fashion-mnist.ts';
import './mnist.ts';
import './cifar.ts';
import './stl10.ts';
import './folder.ts';
import './tar-shards.ts';

export { type DatasetInput, datasetNames, datasetOf, load } from './registry.ts';

export interface LoadOptions extends OptionsOf<typeof datasetOptions> {}
export interface LoadFashionMnistOptions extends OptionsOf<typeof fashionMnistOptions> {}
export interface LoadStl10Options extends OptionsOf<typeof stl10Options> {}
export interface LoadFolderOptions extends OptionsOf<typeof folderOptions> {}
export interface LoadTarOptions extends OptionsOf<typeof tarOptions> {}

/** The options of each data set, by its name. */
interface LoadOptionsByName {
  readonly 'fashion-mnist': LoadFashionMnistOptions;
  readonly mnist: LoadOptions;
  readonly cifar10: LoadOptions;
  readonly cifar100: LoadOptions;
  readonly stl10: LoadStl10Options;
  readonly folder: LoadFolderOptions;
  readonly tar: LoadTarOptions;
}

export type DatasetName = keyof LoadOptionsByName;

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
 * - 'tar': archives as WebDataset writes them, KEY.jpg beside KEY.cls: those of the folder `root`, or of a pattern,
 *   'train-{0000..0009}.tar'.
 *
 * @throws {OptionError} an unknown name or option.
 * @throws {DataError} a folder or file that is missing, empty or damaged, named in the message.
 * @example
 * const train = await loadDataset('fashion-mnist', { split: 'train', limit: 1000 });
 */
export function loadDataset(name: 'folder', options: LoadFolderOptions): Promise<FolderDataset>;
export function loadDataset(name: 'tar', options: LoadTarOptions): Promise<TarDataset>;
export function loadDataset(name: 'fashion-mnist', options?: LoadFashionMnistOptions): Promise<Dataset>;
export function loadDataset<N extends DatasetName>(name: N, options: LoadOptionsByName[N]): Promise<Dataset>;
export async function loadDataset(name: string, options: object = {}): Promise<Dataset> {
  return load(name, options);
}
