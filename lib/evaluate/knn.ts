/** Evaluation by nearest neighbours. */
import { OptionError, ShapeError } from '../errors.ts';
import { countOption, temperatureRange } from '../options/kinds.ts';
import type { OptionsOf, OptionTable, ResolvedOf } from '../options/option.ts';
import { resolveOptions } from '../options/resolve.ts';
import * as internal from '../tensor/internal-ops.ts';
import { noGrad, tidy } from '../tensor/modes.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { type Part, soonDone } from './in-turn.ts';
import {
  accuracyOf,
  expectRows,
  type LabelledFeatures,
  labelsBeside,
  labelValues,
  placesOf,
  ranksOf,
  readIndices,
  topFiveOf,
  unknownShare,
} from './labelled.ts';
import { type Columns, computeRows, rowOptions } from './row-jobs.ts';

export const knnOptions = {
  /** Neighbours that vote, 1 to the number of training rows; default 20 (200 is usual for ImageNet). */
  k: { ...countOption, default: 20, help: 'neighbours that vote' },
  /** T of the votes exp(cosine / T), > 0; default 0.1. */
  temperature: { type: 'number', default: 0.1, ...temperatureRange, value: 'T', help: 'of the votes exp(cosine / T)' },
  ...rowOptions,
} as const satisfies OptionTable;

export interface KnnOptions extends OptionsOf<typeof knnOptions> {}

export interface KnnResult {
  /** Share of the test rows whose class was predicted, 0 to 1. */
  readonly accuracy: number;
  /**
   * Share of the test rows whose class got votes and is among the five with most, 0 to 1. Absent with five classes or
   * fewer, where it would say nothing.
   */
  readonly top5?: number;
  /** The predicted class of each test row. */
  readonly predictions: Int32Array;
  /** The share of the votes that it got, 0 to 1. */
  readonly confidences: Float32Array;
  /** Share of the test rows whose class no training row has, so that they cannot be right. */
  readonly unknown: number;
}

/** Multiplications in a job: 20 to 30 ms on one core. */
const jobWork = 2 ** 29;
const maxRows = 4096;
/** With fewer, memory would be read more than is computed. */
const minRows = 32;

/** Rows of features that are compared with the bank in one job. */
export const rowsAJob = (bank: Tensor): number => {
  const work = bank.shape.reduce((a, b) => a * b, 1);
  return Math.max(minRows, soonDone(work, jobWork, maxRows));
};

interface Classified extends Columns {
  /** Places of the classes. */
  readonly predictions: Int32Array;
  readonly confidences: Float32Array;
  /** How many classes got more votes than a row's own. */
  readonly ranks: Int32Array;
}

/**
 * Weighted k-nearest-neighbour classification of frozen features: each of the k training rows of the largest cosine
 * similarity s votes exp(s/T) for its class, and the class with the most votes wins (of equals, the lowest). Computed
 * in blocks of test rows; progress counts test rows. With `distributed` the result is that of one process, to the bit where each
 * has as many threads and the same kind of processor.
 *
 * Source: Wu et al. 2018, arXiv:1805.01978, section 3.4.
 *
 * @param train the rows that vote. @param test the rows that are classified. Features floating (rows, dim).
 * @throws {OptionError} an unknown option, or k not in 1 … training rows.
 * @throws {ShapeError} features not 2-D, of different dim, or labels not one a row.
 * @throws {DataError} features that are not finite, or a label below 0.
 * @throws {AbortError} the signal fired.
 * @example
 * const { accuracy } = await knnClassify({ features, labels }, { features: testFeatures, labels: testLabels }, { k: 20 });
 */
export async function knnClassify(
  train: LabelledFeatures,
  test: LabelledFeatures,
  options: KnnOptions = {},
): Promise<KnnResult> {
  const { k, temperature, ...asked } = resolveOptions('knnClassify', knnOptions, options);
  const voters = await labelValues('train', train);
  const wanted = await labelValues('test', test);
  expectRows('test', test.features);
  const places = placesOf(voters, wanted);
  const classes = places.classes.length;
  using bank = noGrad(() => internal.unitBank(train.features));
  using labels = labelsBeside(train.features, places.train);
  const room = (rows: number): Classified => ({
    predictions: new Int32Array(rows),
    confidences: new Float32Array(rows),
    ranks: new Int32Array(rows),
  });
  const compute = ({ begin, size }: Part): Promise<Classified> =>
    tidy(async () => {
      const rows = noGrad(() => test.features.narrow(0, begin, size));
      const [predicted, shares] = internal.knnClassify(rows, bank, labels, { classes, k, temperature, unit: true });
      const own = labelsBeside(test.features, places.test.subarray(begin, begin + size)).clamp(0, classes - 1);
      const hasNoVotes = shares.gather(1, own.unsqueeze(1)).select(1, 0).le(0);
      const ranks = ranksOf(shares, own).add(hasNoVotes.mul(classes));
      const confidences = (await shares.amax([1]).data()) as Float32Array;
      return { predictions: await readIndices(predicted), confidences, ranks: await readIndices(ranks) };
    });
  const found = await computeRows({ rows: wanted.length, rowsAJob: rowsAJob(bank), room, compute }, asked);
  return {
    accuracy: accuracyOf(found.predictions, places.test),
    ...topFiveOf(found.ranks, places.test, classes),
    predictions: found.predictions.map((place) => places.classes[place] as number),
    confidences: found.confidences,
    unknown: unknownShare(places.test),
  };
}

export interface Neighbours {
  /** Rows of the bank for each row of the features, nearest first: (rows, k). */
  readonly indices: readonly Int32Array[];
  /** Their cosine similarities, −1 to 1: (rows, k). */
  readonly similarities: readonly Float32Array[];
}

const neighboursOptions = {
  /** 1 to the number of the bank's rows, less one with `excludeSelf`; default 20. */
  k: { ...countOption, default: 20 },
  /**
   * The bank is the features: row i is no neighbour of row i. With k 1, the share of rows whose neighbour has their label is
   * recall at 1. Default false.
   */
  excludeSelf: { type: 'boolean', default: false },
  ...rowOptions,
} as const satisfies OptionTable;

export interface NeighboursOptions extends OptionsOf<typeof neighboursOptions> {}

function checkSelf(features: Tensor, bank: Tensor, k: number): void {
  const [rows, others] = [features.shape[0], bank.shape[0]];
  if (rows !== others)
    throw new ShapeError(`excludeSelf needs a bank of the features' ${rows} rows, got [${bank.shape}]`);
  if (k >= (rows as number))
    throw new OptionError(`k must be at most ${(rows as number) - 1}, the other rows of the bank, got ${k}`);
}

/** Where `row` is among its neighbours; where more rows equal it than were asked for, the last place, which is no nearer. */
const placeOfSelf = (near: Int32Array, row: number): number =>
  near.includes(row) ? near.indexOf(row) : near.length - 1;

/**
 * The k rows of `bank` with the largest cosine similarity to each row of `features`, as for a gallery. Progress counts
 * rows of `features`.
 *
 * @param features floating (rows, dim). @param bank floating (bank rows, dim); may be `features`: each row is then
 * among its own neighbours, before or behind rows that equal it; `excludeSelf` leaves it out.
 * @throws as knnClassify. {ShapeError} `excludeSelf` with another number of rows than the bank's.
 */
export async function nearestNeighbours(
  features: Tensor,
  bank: Tensor,
  options: NeighboursOptions = {},
): Promise<Neighbours> {
  const resolved = resolveOptions('nearestNeighbours', neighboursOptions, options);
  expectRows('features', features);
  if (resolved.excludeSelf) checkSelf(features, bank, resolved.k);
  using unit = noGrad(() => internal.unitBank(bank));
  return await nearestInUnit(features, unit, resolved);
}

/** (rows, k), row by row. */
interface Found extends Columns {
  readonly found: Int32Array;
  readonly cosines: Float32Array;
}

/** `nearestNeighbours`, whose options were checked, in a bank of rows of length 1: float32, as they are. */
export async function nearestInUnit(
  features: Tensor,
  bank: Tensor,
  { k, excludeSelf, ...options }: ResolvedOf<typeof neighboursOptions>,
): Promise<Neighbours> {
  const asked = excludeSelf ? k + 1 : k;
  const room = (rows: number): Found => ({
    found: new Int32Array(rows * asked),
    cosines: new Float32Array(rows * asked),
  });
  const compute = ({ begin, size }: Part): Promise<Found> =>
    tidy(async () => {
      const rows = noGrad(() => features.narrow(0, begin, size));
      const [found, cosines] = internal.nearestNeighbours(rows, bank, { k: asked, unit: true });
      return { found: await readIndices(found), cosines: (await cosines.data()) as Float32Array };
    });
  const rows = features.shape[0] ?? 0;
  const { found, cosines } = await computeRows({ rows, rowsAJob: rowsAJob(bank), room, compute }, options);
  const indices: Int32Array[] = [];
  const similarities: Float32Array[] = [];
  for (let begin = 0; begin < found.length; begin += asked) {
    const [near, similar] = [found.subarray(begin, begin + asked), cosines.subarray(begin, begin + asked)];
    const self = excludeSelf ? placeOfSelf(near, indices.length) : -1;
    indices.push(near.filter((_, place) => place !== self));
    similarities.push(similar.filter((_, place) => place !== self));
  }
  return { indices, similarities };
}
