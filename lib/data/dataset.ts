/** What a data set is: the interfaces that every loader, trainer and evaluator reads, and checks of a user's own. */
import { types } from 'node:util';
import { DataError, ShapeError } from '../errors.ts';
import { describe } from '../validate.ts';

/** One image, 8 bits a channel. */
export interface Sample {
  /** height × width × channels values, row by row, channels last. Treat as read-only: it may be a view of the data set. */
  pixels: Uint8Array;
  height: number;
  width: number;
  channels: number;
  /** Class index, from 0. */
  label?: number;
  /**
   * Which image it is, an integer from 0: the random draws of a sample are a function of it, and losses take samples of one
   * id for views of one image. Default: the sample's index in the data set that is loaded.
   */
  id?: number;
}

/** A sample that has been read: with an id in any case. */
export type LoadedSample = Sample & { id: number };

/** What a data set was loaded by, so that it can be loaded again: by its name, as `loadDataset` takes it. */
export interface DataOrigin {
  readonly name: string;
  /** The folder of its files; null where it has a place of its own. */
  readonly path: string | null;
  /** Samples used at most; null for all. */
  readonly limit: number | null;
  /** Test samples that a training is judged on at most; absent for all. */
  readonly testLimit?: number | undefined;
  /** Absent for 'train'. */
  readonly split?: string | undefined;
  /** Whether files that cannot be decoded were left out; absent for no. */
  readonly skipDamaged?: boolean | undefined;
  /** The share of each class that was put aside to judge on (`holdOut`); absent for none. */
  readonly heldOut?: { readonly fraction: number; readonly seed: number } | undefined;
}

/**
 * A finite, indexable collection of images. Write your own by implementing this; `get` may be slow and asynchronous,
 * and is called for several indices at a time.
 */
export interface Dataset {
  readonly name: string;
  readonly length: number;
  /** Class names; a sample's label indexes them. */
  readonly classes?: readonly string[];
  /** The class index of every sample, where all are known without reading images. */
  readonly labels?: ArrayLike<number>;
  /** The paths of the images, where each is a file. */
  readonly files?: readonly string[];
  /** Where the images came from, for people to read. */
  readonly source?: string;
  /** What lay there and is not part of it, for people to read: "3 .bmp files". */
  readonly leftOut?: readonly string[];
  /** Of `loadDataset`; a run that is trained on it keeps it. */
  readonly origin?: DataOrigin;
  get(index: number): Sample | Promise<Sample>;
}

/**
 * Checks that `value` implements Dataset and is not empty; returns it.
 *
 * @throws {DataError} naming the member that is missing or wrong, or the empty data set.
 */
export function checkDataset(value: unknown): Dataset {
  if (value === null || typeof value !== 'object')
    throw new DataError(`dataset must be an object with name, length and get(index), got ${describe(value)}`);
  const dataset = value as Partial<Dataset>;
  if (typeof dataset.name !== 'string' || dataset.name === '')
    throw new DataError(`dataset.name must be a non-empty string, got ${describe(dataset.name)}`);
  const { name, length, classes, labels } = dataset;
  if (typeof dataset.get !== 'function')
    throw new DataError(`${name}: dataset.get must be a function (index) => Sample, got ${describe(dataset.get)}`);
  if (!Number.isSafeInteger(length) || (length as number) < 0)
    throw new DataError(`${name}: dataset.length must be a non-negative integer, got ${describe(length)}`);
  if (length === 0) throw new DataError(`${name}: the data set is empty`);
  if (classes !== undefined && !(Array.isArray(classes) && classes.every((item) => typeof item === 'string')))
    throw new DataError(`${name}: dataset.classes must be an array of strings, got ${describe(classes)}`);
  if (labels !== undefined && labels?.length !== length)
    throw new DataError(
      `${name}: dataset.labels must hold ${length} labels, one a sample, got ${labels?.length ?? describe(labels)}`,
    );
  return value as Dataset;
}

const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 1;

/**
 * Checks one sample of `where` ("name: sample 12"); returns it.
 *
 * @throws {ShapeError} pixels do not hold height × width × channels values.
 * @throws {DataError} any other member is missing or wrong.
 */
export function checkSample(value: unknown, where: string): Sample {
  if (value === null || typeof value !== 'object')
    throw new DataError(`${where} must be { pixels, height, width, channels, label?, id? }, got ${describe(value)}`);
  const { pixels, height, width, channels, label, id } = value as Partial<Sample>;
  if (!types.isUint8Array(pixels))
    throw new DataError(`${where}: pixels must be a Uint8Array, height × width × channels, got ${describe(pixels)}`);
  for (const [key, size] of Object.entries({ height, width, channels }))
    if (!isCount(size)) throw new DataError(`${where}: ${key} must be an integer >= 1, got ${describe(size)}`);
  const expected = (height as number) * (width as number) * (channels as number);
  if (pixels.length !== expected)
    throw new ShapeError(
      `${where}: pixels must hold ${height} × ${width} × ${channels} = ${expected} values, got ${pixels.length}`,
    );
  if (id !== undefined && !(Number.isSafeInteger(id) && id >= 0))
    throw new DataError(`${where}: id must be an integer >= 0 or undefined, got ${describe(id)}`);
  if (label !== undefined && !(Number.isSafeInteger(label) && label >= 0))
    throw new DataError(`${where}: label must be an integer >= 0 or undefined, got ${describe(label)}`);
  return value as Sample;
}

/** `value`, the sample at `index` of the data set `name`, checked and with an id. @throws as checkSample. */
export function loadedSample(value: unknown, name: string, index: number): LoadedSample {
  const sample = checkSample(value, `${name}: sample ${index}`);
  return { ...sample, id: sample.id ?? index };
}

/**
 * The samples of `dataset` at `indices`, in that order; labels and class names stay. Ids that samples state stay too, unless
 * an index comes more than once: each copy is then a sample of its own, with its own random draws.
 *
 * @throws {DataError} no indices, or one outside the data set.
 */
export function subset(dataset: Dataset, indices: ArrayLike<number>): Dataset {
  const { name, length, classes, labels, files, source, leftOut } = checkDataset(dataset);
  const chosen = Array.from(indices);
  if (chosen.length === 0) throw new DataError(`${name}: the subset is empty`);
  for (const index of chosen)
    if (!Number.isSafeInteger(index) || index < 0 || index >= length)
      throw new DataError(`${name}: subset index must be an integer from 0 to ${length - 1}, got ${describe(index)}`);
  const repeats = new Set(chosen).size < chosen.length;
  return {
    name,
    length: chosen.length,
    ...(classes && { classes }),
    ...(labels && { labels: chosen.map((index) => labels[index] as number) }),
    ...(files && { files: chosen.map((index) => files[index] as string) }),
    ...(source !== undefined && { source }),
    ...(leftOut && { leftOut }),
    get(index) {
      checkIndex(name, index, chosen.length);
      const sample = dataset.get(chosen[index] as number);
      return repeats ? withoutId(sample) : sample;
    },
  };
}

/** `sample` as one that states no id. */
export async function withoutId(sample: Sample | Promise<Sample>): Promise<Sample> {
  const { id, ...rest } = await sample;
  return rest;
}

/** Throws a DataError that names the data set and the range unless `index` is an integer from 0 to length − 1. */
export function checkIndex(name: string, index: number, length: number): void {
  if (!Number.isSafeInteger(index) || index < 0 || index >= length)
    throw new DataError(`${name}: index must be an integer from 0 to ${length - 1}, got ${describe(index)}`);
}

export interface DatasetDescription {
  name: string;
  length: number;
  source?: string;
  classes?: readonly string[];
  /** Whether the first sample has a label. */
  labelled: boolean;
  /** Size of the first sample; the images of a folder may differ. */
  image: { height: number; width: number; channels: number };
  /** What was found and is not part of it. */
  leftOut?: readonly string[];
  /** One line for people: "folder: 100 images, the first 64×48×3, 2 classes (cats 60, dogs 40), from photos; left out: 3 .bmp files". */
  text: string;
}

/** So many class names are listed. */
const mostNames = 6;

/**
 * "2 classes (cats, dogs)"; with the labels of all samples, "2 classes (cats 12, dogs 30)", and where these leave classes out,
 * "400 of 550 classes (…)".
 */
function classesText(classes: readonly string[], labels: ArrayLike<number> | undefined): string {
  const counts = new Map<number, number>();
  for (const label of Array.from(labels ?? [])) counts.set(label, (counts.get(label) ?? 0) + 1);
  const present = labels === undefined ? classes.length : counts.size;
  const count = present === classes.length ? `${present}` : `${present} of ${classes.length}`;
  const named = classes
    .slice(0, mostNames)
    .map((name, i) => (labels === undefined ? name : `${name} ${counts.get(i) ?? 0}`));
  const names = [...named, ...(classes.length > mostNames ? ['…'] : [])];
  return `${count} ${classes.length === 1 ? 'class' : 'classes'} (${names.join(', ')})`;
}

/** Reads the first sample and says what the data set is. Rejects as `checkDataset` and `checkSample` throw. */
export async function describeDataset(dataset: Dataset): Promise<DatasetDescription> {
  const { name, length, classes, labels, source, leftOut } = checkDataset(dataset);
  const { height, width, channels, label } = checkSample(await dataset.get(0), `${name}: sample 0`);
  const labelled = label !== undefined;
  const size = `${height}×${width}×${channels}`;
  const kinds = classes ? classesText(classes, labels) : labelled ? 'labelled' : 'no labels';
  const from = source === undefined ? '' : `, from ${source}`;
  const rest = leftOut === undefined ? '' : `; left out: ${leftOut.join(', ')}`;
  return {
    name,
    length,
    ...(source !== undefined && { source }),
    ...(classes && { classes }),
    ...(leftOut && { leftOut }),
    labelled,
    image: { height, width, channels },
    text: `${name}: ${length} ${length === 1 ? 'image' : 'images'}, the first ${size}, ${kinds}${from}${rest}`,
  };
}
