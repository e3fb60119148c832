/** `--data DIR` or `--data NAME[:PATH]`: which images, where they are, and what is known of them. */
import { type Dirent, existsSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { openRun } from '../checkpoint/run.ts';
import type { RunConfig } from '../checkpoint/run-config.ts';
import { type Dataset, subset } from '../data/dataset.ts';
import type { FolderDataset } from '../data/folder.ts';
import { MissingSplitError } from '../data/folder-splits.ts';
import { holdOut, holdOutOptions } from '../data/hold-out.ts';
import { type DatasetInput, datasetNames, datasetOf, load } from '../data/load.ts';
import { DataError, messageOf, OptionError } from '../errors.ts';
import type { StringOption } from '../options/option.ts';
import { nearest } from '../validate.ts';
import { wrap } from './format.ts';
import { imageProgress } from './image-progress.ts';
import type { Output } from './output.ts';

export interface DataSource {
  readonly name: string;
  /** Absolute; 'bundled' is the Fashion-MNIST subset of the package; null where the data set has a place of its own. */
  readonly path: string | null;
}

export const dataOption = {
  type: 'string',
  value: 'DIR|NAME[:PATH]',
  help: `a folder of images, or ${datasetNames().join(', ')}; PATH is the folder of its files`,
} as const satisfies StringOption;

export const skipDamaged = {
  type: 'boolean',
  help: 'of folder and tar: read all images first, and leave out those that cannot be decoded, with a warning each',
} as const;

/** What `--help` says of data sets, the same in every command. */
export const dataHelp = [
  'DATA is a folder of images, or NAME[:PATH], a data set and the folder of its files:',
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

/** A folder of images, of which the name may be left out. @throws {OptionError} with the nearest folder or data set. */
function folderAt(text: string): DataSource {
  const path = resolve(text);
  const stats = statSync(path, { throwIfNoEntry: false });
  if (holdsRun(path)) throw new OptionError(`'${text}' is the folder of a run: expected a folder of images`);
  if (stats?.isDirectory()) return { name: 'folder', path };
  if (stats !== undefined) throw new OptionError(`'${text}' is a file: expected a folder of images`);
  const beside = (entriesOf(dirname(path)) ?? []).filter((entry) => entry.isDirectory());
  const near = nearest(basename(path), [...datasetNames(), ...beside.map((entry) => entry.name)]);
  const hint = near === undefined ? '' : `; did you mean '${join(dirname(text), near)}'?`;
  throw new OptionError(
    `there is no folder '${text}', and no data set of that name (${datasetNames().join(', ')})${hint}`,
  );
}

/** Whether a folder is that of a run. */
export const holdsRun = (folder: string): boolean =>
  ['config.json', 'checkpoints'].every((name) => existsSync(join(folder, name)));

function entriesOf(folder: string): Dirent[] | undefined {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return undefined;
  }
}

/** @throws {OptionError} neither a folder nor the name of a data set (with the nearest of both), or a path that is missing. */
export function parseData(text: string): DataSource {
  const colon = text.indexOf(':');
  const word = colon === -1 ? text : text.slice(0, colon);
  if (!datasetNames().includes(word)) return folderAt(text);
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

/** The data that a run was trained on. @throws {OptionError} the run does not say where they are, or they are there no more. */
export function dataOfRun(run: string, data: RunConfig['data']): DataSource {
  const { name, path } = data;
  const isKnown = datasetNames().includes(name);
  const isFolder = isKnown && path !== null && name !== 'tar' && !subsetsOf(name).includes(path);
  if (isFolder && entriesOf(path) === undefined)
    throw new OptionError(`${run}: its images are not in '${path}' any more; --data DIR says where they lie now`);
  if (isKnown && (path !== null || !datasetOf(name).options.root?.required)) return data;
  const what = isKnown ? 'its images lie' : `the images of its data set '${name}' lie`;
  throw new OptionError(`${run}: the run does not say where ${what}: add --data DIR`);
}

/** The folder of images that a run was trained on. @throws {OptionError} there is none. */
export async function folderOfRun(path: string | undefined): Promise<string> {
  const { data } = path === undefined ? {} : (await openRun(path)).run.config;
  if (data?.name !== 'folder' || data.path === null)
    throw new OptionError('INPUT is missing: a folder of images, or one image');
  if (entriesOf(data.path) === undefined)
    throw new OptionError(`${path}: its images are not in '${data.path}' any more; --input says where they lie now`);
  return data.path;
}

/** For people, and for the name of a run: a folder's own name. */
export const titleOf = ({ name, path }: DataSource): string =>
  name === 'folder' && path !== null ? basename(path) : name;

/** The input that a data set is usually trained with. */
export const profileOf = ({ name }: DataSource): DatasetInput => datasetOf(name).input;

export interface Splits {
  readonly train: Dataset;
  /** Absent where there are no labelled images to judge on, for the reason in `noTest`. */
  readonly test?: Dataset;
  readonly noTest?: string;
  /** What was put aside of the training images. */
  readonly heldOut?: HeldOutShare;
  /** Whether that is what `test` holds. */
  readonly isJudgedOnHeldOut: boolean;
}

/** Of each class, where nobody said how much. */
export const usualFraction = holdOutOptions.fraction.default;

/** A share of each class of the training images. */
export type HeldOutShare = NonNullable<RunConfig['data']['heldOut']>;

export interface LoadSplitsOptions {
  /** Most training images, and most test images. */
  readonly train?: number | undefined;
  readonly test?: number | undefined;
  /** What training takes: 'unlabeled' are STL-10's images without labels. Default 'train'. */
  readonly trainSplit?: 'train' | 'unlabeled';
  /** What is judged on: 'val' is what was put aside, or that folder of a folder data set. Default 'test'. */
  readonly testSplit?: 'test' | 'val';
  /** What to put aside of the training images: always, or where there is no test split and there are classes. Default: nothing. */
  readonly heldOut?: (HeldOutShare & { readonly always: boolean }) | undefined;
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
  const skipping = skipDamaged && { onError: 'skip', onProgress: imageProgress(output, 'looking for damaged images') };
  const reading = { size: side, signal, ...skipping };
  const taken = Object.entries(reading).filter(([option]) => option in options);
  const dataset = await load(name, { split, limit, ...place, ...Object.fromEntries(taken) });
  output.progress.done();
  for (const { reason } of (dataset as Partial<FolderDataset>).skipped ?? []) output.warn(`${reason}; skipped`);
  return dataset;
}

/**
 * @throws {DataError} training data that is missing, empty or damaged, named in the message.
 * @throws {OptionError} a split that the data set does not have.
 */
export async function loadSplits(source: DataSource, options: LoadSplitsOptions): Promise<Splits> {
  if (options.skipDamaged && !('onError' in datasetOf(source.name).options))
    throw new OptionError(`--skip-damaged belongs to folders of images and tar archives, got ${source.name}`);
  const { heldOut, trainSplit = 'train', testSplit = 'test' } = options;
  const { isDamaged, ...own } =
    heldOut?.always && testSplit === 'val' ? {} : await testImages(source, testSplit, options);
  if (heldOut === undefined || (own.test !== undefined && !heldOut.always))
    return { train: await loadSplit(source, trainSplit, options.train, options), ...own, isJudgedOnHeldOut: false };
  const { fraction, seed } = heldOut;
  const all = await loadSplit(source, trainSplit, undefined, options);
  const lack = lackOfClasses(all);
  if (!heldOut.always && lack !== undefined)
    return { train: thinned(all, options.train), noTest: `${titleOf(source)} has ${lack}`, isJudgedOnHeldOut: false };
  if (all.labels === undefined)
    throw new OptionError(`${titleOf(source)} has no labels: no share of each class can be put aside (--val-split)`);
  const { train, test } = await holdOut(all, { fraction, seed, signal: options.signal });
  if (isDamaged)
    options.output.warn(
      `the test images cannot be used: ${own.noTest}; some of each class of the training images are put aside instead`,
    );
  return {
    train: thinned(train, options.train),
    test: own.test ?? thinned(test, options.test),
    heldOut: { fraction, seed },
    isJudgedOnHeldOut: own.test === undefined,
  };
}

/**
 * Why there is nothing to tell apart, as what a data set has; undefined where there is something.
 * @param what labels come by.
 */
export function lackOfClasses({ labels }: Dataset, what = 'labels'): string | undefined {
  if (labels === undefined) return `no ${what}`;
  const count = classesOf(labels);
  if (count < 2) return 'one class only';
  return count < labels.length ? undefined : 'one image of each class only';
}

const classesOf = (labels: ArrayLike<number>): number => new Set(Array.from(labels)).size;

/** @throws {DataError} labelled images of which a classifier has nothing to learn. */
export function expectClasses(name: string, labels: ArrayLike<number>): void {
  if (classesOf(labels) < 2)
    throw new DataError(`${name} has one class only: a classifier tells two classes or more apart`);
}

async function testImages(
  source: DataSource,
  split: string,
  options: LoadSplitsOptions,
): Promise<Pick<Splits, 'test' | 'noTest'> & { readonly isDamaged?: boolean }> {
  try {
    return { test: await loadSplit(source, split, options.test, options) };
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    return { noTest: messageOf(error), isDamaged: !(error instanceof MissingSplitError) };
  }
}

/** At most `limit` images, evenly spread over the order, so that every class stays. */
function thinned(dataset: Dataset, limit = dataset.length): Dataset {
  const { length, origin } = dataset;
  if (limit >= length) return dataset;
  const part = subset(
    dataset,
    Array.from({ length: limit }, (_, i) => Math.floor((i * length) / limit)),
  );
  return { ...part, ...(origin && { origin: { ...origin, limit } }) };
}
