/** Where Fashion-MNIST is: a folder, Debian's package, the per-user cache, or the subset that this package carries. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DataError, OptionError } from '../errors.ts';
import { cacheDir } from '../native/libtorch.ts';
import { signalOption } from '../options/kinds.ts';
import type { OptionsOf, OptionTable, ResolvedOf } from '../options/option.ts';
import { asGiven, resolveOptions } from '../options/resolve.ts';
import type { Dataset } from './dataset.ts';
import { downloadVerified } from './download.ts';
import { expectFolder } from './files.ts';
import { findIdxFiles, idxDataset } from './idx.ts';
import { datasetOptions, defineDataset } from './registry.ts';

export const kFashionMnistClasses: readonly string[] = [
  'T-shirt/top',
  'Trouser',
  'Pullover',
  'Dress',
  'Coat',
  'Sandal',
  'Shirt',
  'Sneaker',
  'Bag',
  'Ankle boot',
];

/** Where Debian's package dataset-fashion-mnist puts the full set. */
const kSystemFolder = '/usr/share/datasets/fashion-mnist';

/** The authors' repository over HTTPS, then the address that torchvision uses. Content is checked, whichever answers. */
export const kFashionMnistUrls: readonly string[] = [
  'https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/',
  'http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/',
];

/** Length and SHA-256 of each file's content, inflated: the gzip wrapper differs between mirrors. */
const kFiles: Record<string, { bytes: number; sha256: string }> = {
  'train-images-idx3-ubyte.gz': {
    bytes: 47_040_016,
    sha256: 'c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888',
  },
  'train-labels-idx1-ubyte.gz': {
    bytes: 60_008,
    sha256: 'bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9',
  },
  't10k-images-idx3-ubyte.gz': {
    bytes: 7_840_016,
    sha256: '5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b',
  },
  't10k-labels-idx1-ubyte.gz': {
    bytes: 10_008,
    sha256: '0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34',
  },
};

/** The folder of this package that holds the bundled subset: 10 000 training and 2 000 test images. */
export const bundledFashionMnist = (): string => fileURLToPath(new URL('../../data/fashion-mnist', import.meta.url));

/** Where downloads go. */
const cacheFolder = (): string => join(cacheDir(), 'data', 'fashion-mnist');

/** torchvision keeps the raw files a level or two down. */
const foldersIn = (root: string): string[] => [root, join(root, 'raw'), join(root, 'FashionMNIST', 'raw')];

export const fashionMnistOptions = {
  ...datasetOptions,
  /** Folder of the files. Default: where the full set is installed, else the images of this package. */
  root: { type: 'string' },
  /** 'bundled': the 10 000 training and 2 000 test images that the package carries, whatever is installed. */
  subset: { type: 'string', choices: ['bundled'] },
} as const satisfies OptionTable;

/**
 * Fashion-MNIST: gray 28×28, ten classes. `root` when given, else the full set (Debian's folder, then the cache), else
 * the bundled subset; `subset: 'bundled'` takes the subset whatever is installed. `source` says which.
 */
export async function fashionMnistDataset(
  { root, split, subset, limit }: ResolvedOf<typeof fashionMnistOptions>,
  where = 'fashion-mnist',
): Promise<Dataset> {
  if (root !== undefined && subset !== undefined) throw new OptionError(`${where}: root and subset exclude each other`);
  const load = (files: { images: string; labels: string }, source: string): Promise<Dataset> =>
    idxDataset(files, {
      name: 'fashion-mnist',
      classes: kFashionMnistClasses,
      source,
      limit,
    });
  if (root !== undefined) {
    await expectFolder('fashion-mnist', root);
    const files = await findIdxFiles(foldersIn(root), split);
    if (files) return load(files, root);
    throw new DataError(
      `fashion-mnist: '${root}' must hold the IDX files ${Object.keys(kFiles).join(', ')} (the .gz may be missing)`,
    );
  }
  const cache = cacheFolder();
  for (const folder of subset === 'bundled' ? [] : [kSystemFolder, cache]) {
    const files = await findIdxFiles([folder], split);
    if (files) return load(files, `the full set in ${folder}`);
  }
  const bundled = bundledFashionMnist();
  const files = await findIdxFiles([bundled], split);
  if (!files)
    throw new DataError(`fashion-mnist: the bundled subset is missing from '${bundled}'; reinstall the package`);
  return load(files, `the bundled subset in ${bundled}`);
}

const downloadOptions = {
  /** Default: the per-user cache, where `loadDataset('fashion-mnist')` looks. */
  folder: { type: 'string' },
  /** Base addresses to try in turn, ending in '/'. Default: kFashionMnistUrls. */
  urls: { type: 'checked', check: asGiven<readonly string[]>, default: kFashionMnistUrls },
  signal: signalOption,
} as const satisfies OptionTable;

export interface DownloadFashionMnistOptions extends OptionsOf<typeof downloadOptions> {}

/**
 * Downloads the full Fashion-MNIST (30 MB), checking each file's length and SHA-256 before it takes its place. Files
 * that are there already and right are kept. Never called by this package itself.
 *
 * @returns the folder.
 * @throws {DataError} no address answers with the right bytes.
 * @throws {AbortError} the signal fired.
 */
export async function downloadFashionMnist(options: DownloadFashionMnistOptions = {}): Promise<string> {
  const resolved = resolveOptions('downloadFashionMnist', downloadOptions, options);
  const { folder = cacheFolder(), urls, signal } = resolved;
  for (const [name, expected] of Object.entries(kFiles))
    await downloadVerified({
      urls: urls.map((base) => base + name),
      path: join(folder, name),
      ...expected,
      ...(signal && { signal }),
    });
  return folder;
}

defineDataset({
  name: 'fashion-mnist',
  input: { size: 28, mean: 0.286, std: 0.353 },
  help: [
    ['fashion-mnist', 'the full set where one is installed, else the 12 000 images of this package'],
    ['fashion-mnist:bundled', 'those 10 000 training and 2 000 test images, whatever is installed'],
  ],
  options: fashionMnistOptions,
  load: fashionMnistDataset,
});
