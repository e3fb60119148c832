/** What a report shows of an encoder, read of its features, so that these can be disposed. */
import { knnClassify, knnOptions, nearestNeighbours } from '../evaluate/knn.ts';
import { linearProbe } from '../evaluate/linear-probe.ts';
import { chanceShare } from '../evaluate/proportion.ts';
import { indexSelect } from '../tensor/ops.ts';
import { type Tensor, tensor } from '../tensor/tensor.ts';
import type { SplitFeatures } from './evaluate-run.ts';
import type { Judged } from './report/report-data.ts';

/** Test images on the maps, at most. */
const mapPoints = 1000;
/** Neighbours beside a test image. */
const neighboursShown = 8;
const mistakesShown = 12;
/** Classes of which an image and its neighbours are shown. */
const classesShown = 30;

/** Neighbours that vote, and T of their votes, as in `train` and `eval`. */
export const voting = { k: knnOptions.k.default, temperature: knnOptions.temperature.default } as const;

/** What is shown of images with labels or without. */
export interface ArrangedEncoder {
  readonly name: string;
  /** float32 (points, dim): features of the images at `pointsOf`. */
  readonly features: Float32Array;
  readonly dim: number;
  /** Images (indices), nearest first, for each query: training images of `queriesOf`, or others of `sampleOf`. */
  readonly neighbours: readonly Iterable<number>[];
}

/** With the places of its images on a map, (points, 2), for which the features were needed. */
export type Mapped<T extends ArrangedEncoder> = Omit<T, 'features' | 'dim'> & { readonly map: Float32Array };

export interface ExaminedEncoder extends ArrangedEncoder, Judged {
  /** Test images that got most votes for a wrong class, and their nearest training images. */
  readonly mistakes: readonly { readonly test: number; readonly neighbours: Iterable<number> }[];
  readonly chanceTop1: number;
  /** Class of each test image. */
  readonly labels: readonly number[];
}

/** What was judged, and nothing else. */
export const judgedOf = ({ knnTop1, linearTop1, fineTuneTop1, predictions, confidences }: Judged): Judged => ({
  ...{ knnTop1, linearTop1, ...(fineTuneTop1 !== undefined && { fineTuneTop1 }) },
  ...{ predictions, confidences },
});

/** At most so many of `count`, evenly spread, for data sets are often sorted by class. */
function spread(count: number, most: number): number[] {
  const length = Math.min(most, count);
  return Array.from({ length }, (_, i) => Math.floor((i * count) / length));
}

/** The images that maps show. */
export const pointsOf = (count: number): number[] => spread(count, mapPoints);

/** The images without labels whose neighbours are shown. */
export const sampleOf = (count: number): number[] => spread(count, mistakesShown);

/** The first test image of each class, by class; of many classes some. */
export function queriesOf(labels: ArrayLike<number>): number[] {
  const first = new Map<number, number>();
  for (let i = 0; i < labels.length; i++) if (!first.has(labels[i] as number)) first.set(labels[i] as number, i);
  const all = [...first].sort(([a], [b]) => a - b).map(([, index]) => index);
  return spread(all.length, classesShown).map((place) => all[place] as number);
}

/** The test images that were taken for another class, those with most votes for it first. */
function worstOf({ predictions, confidences }: Judged, labels: ArrayLike<number>): number[] {
  return predictions
    .flatMap((predicted, test) => (predicted === labels[test] ? [] : [test]))
    .sort((a, b) => (confidences[b] as number) - (confidences[a] as number) || a - b)
    .slice(0, mistakesShown);
}

/** The rows of `features` at `indices`. */
function rowsAt(features: Tensor, indices: readonly number[]): Tensor {
  using rows = tensor(indices, { dtype: 'int64', device: features.device });
  return indexSelect(features, 0, rows);
}

/** The nearest training images of some test images. */
async function nearest(
  { train, test }: SplitFeatures,
  indices: readonly number[],
  signal: AbortSignal,
): Promise<readonly Int32Array[]> {
  if (indices.length === 0) return [];
  using rows = rowsAt(test.features, indices);
  const k = Math.min(neighboursShown, train.features.shape[0] as number);
  return (await nearestNeighbours(rows, train.features, { k, signal })).indices;
}

/** @param features float32 (rows, dim) of two images at least. @throws {AbortError} the signal fired. */
export async function arrange(name: string, features: Tensor, signal: AbortSignal): Promise<ArrangedEncoder> {
  const [count, dim] = features.shape as [number, number];
  const sample = sampleOf(count);
  using shown = rowsAt(features, pointsOf(count));
  using asked = rowsAt(features, sample);
  const k = Math.min(neighboursShown + 1, count);
  const { indices } = await nearestNeighbours(asked, features, { k, signal });
  const neighbours = indices.map((near, i) => near.filter((other) => other !== sample[i]).slice(0, neighboursShown));
  return { name, features: (await shown.data()) as Float32Array, dim, neighbours };
}

/** @throws {AbortError} the signal fired. */
export async function examine(name: string, features: SplitFeatures, signal: AbortSignal): Promise<ExaminedEncoder> {
  const { train, test } = features;
  const [rows, dim] = train.features.shape as [number, number];
  const labels = Array.from(test.labels as Int32Array);
  const knn = await knnClassify(train, test, { ...voting, k: Math.min(voting.k, rows), signal });
  const linear = await linearProbe(train, test, { signal });
  const judged = {
    knnTop1: knn.accuracy,
    linearTop1: linear.accuracy,
    predictions: Array.from(knn.predictions),
    confidences: Array.from(knn.confidences, (value) => Number(value.toFixed(6))),
  };
  const worst = worstOf(judged, labels);
  const wrong = await nearest(features, worst, signal);
  using shown = rowsAt(test.features, pointsOf(labels.length));
  return {
    name,
    ...judged,
    features: (await shown.data()) as Float32Array,
    dim,
    neighbours: await nearest(features, queriesOf(labels), signal),
    mistakes: worst.map((test, i) => ({ test, neighbours: wrong[i] as Int32Array })),
    chanceTop1: chanceShare(train.labels as Int32Array, labels),
    labels,
  };
}
