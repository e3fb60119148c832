/** `--data NAME[:PATH]`: which images, where they are, and what is known of them. */
import { resolve } from 'node:path';
import type { Dataset } from '../data/dataset.ts';
import type { FolderDataset } from '../data/folder.ts';
import { type DatasetInput, datasetNames, datasetOf, load } from '../data/load.ts';
import { DataError, messageOf, OptionError } from '../errors.ts';
import type { StringOption } from '../options/option.ts';
import { wrap } from './format.ts';
import type { Output } from './output.ts';

export interface DataSource {
  readonly name: string;
  /** Absolute; 'bundled' is the Fashion-MNIST subset of the package; null where the data set has a place of its own. */
  readonly path: string | null;
}

export const dataOption = {
  type: 'string',
  value: 'NAME[:PATH]',
  help: `${datasetNames().join(', ')}; PATH is the folder of its files`,
} as const satisfies StringOption;

export const skipDamaged = {
  type: 'boolean',
  help: 'of folder: read all images first, and leave out those that cannot be decoded, with a warning each',
} as const;

/** What `--help` says of data sets, the same in every command. */
export const dataHelp = [
  '--data NAME[:PATH] names a data set and the folder of its files:',
  ...datasetNames().flatMap((name) =>
    datasetOf(name).help.flatMap(([value, images]) =>
      wrap(images, 72).map((line, i) => `  ${(i === 0 ? value : '').padEnd(23)}${line}`),
    ),
  ),
].join('\n');

/** Subsets of a data set that have a name, in the place of a path. */
function subsetsOf(name: string): readonly string[] {
  const { subset } = datasetOf(name).options;
  return subset?.type === 'string' ? (subset.choices ?? []) : [];
}

/** @throws {OptionError} an unknown name (with the nearest known one), or a path that is missing. */
export function parseData(text: string): DataSource {
  const colon = text.indexOf(':');
  const word = colon === -1 ? text : text.slice(0, colon);
  if (!datasetNames().includes(word) && /[./\\]/.test(word))
    throw new OptionError(`--data must begin with a name, got '${text}'; for a folder of images, folder:${text}`);
  const { name, options } = datasetOf(word, '--data');
  const path = colon === -1 ? '' : text.slice(colon + 1);
  if (path === '' && (options.root?.required || colon !== -1))
    throw new OptionError(`--data ${name} needs the folder of its files: ${name}:PATH`);
  if (path === '') return { name, path: null };
  return { name, path: subsetsOf(name).includes(path) ? path : resolve(path) };
}

/** The text that `parseData` takes, for a run's config. */
export const dataText = ({ name, path }: { name: string; path: string | null }): string =>
  path === null ? name : `${name}:${path}`;

/** The input that a data set is usually trained with. */
export const profileOf = ({ name }: DataSource): DatasetInput => datasetOf(name).input;

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
  split: string,
  limit: number | undefined,
  { side, skipDamaged = false, output, signal }: LoadSplitsOptions,
): Promise<Dataset> {
  const { options } = datasetOf(name);
  const place = path !== null && subsetsOf(name).includes(path) ? { subset: path } : { root: path ?? undefined };
  const reading = { size: side, onError: skipDamaged ? 'skip' : undefined, signal };
  const taken = Object.entries(reading).filter(([option]) => option in options);
  const dataset = await load(name, { split, limit, ...place, ...Object.fromEntries(taken) });
  for (const { reason } of (dataset as Partial<FolderDataset>).skipped ?? []) output.warn(`${reason}; skipped`);
  return dataset;
}

/**
 * @throws {DataError} training data that is missing, empty or damaged, named in the message.
 * @throws {OptionError} a split that the data set does not have.
 */
export async function loadSplits(source: DataSource, options: LoadSplitsOptions): Promise<Splits> {
  if (options.skipDamaged && !('onError' in datasetOf(source.name).options))
    throw new OptionError(`--skip-damaged belongs to --data folder:DIR, got ${source.name}`);
  const train = await loadSplit(source, options.trainSplit ?? 'train', options.train, options);
  try {
    return { train, test: await loadSplit(source, options.testSplit ?? 'test', options.test, options) };
  } catch (error) {
    if (error instanceof DataError) return { train, noTest: messageOf(error) };
    throw error;
  }
}
