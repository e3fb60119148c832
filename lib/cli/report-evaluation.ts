/** From examined encoders and their images to what a report shows of them. */
import type { Dataset } from '../data/dataset.ts';
import type { LabelledSplits } from './evaluate-run.ts';
import {
  type ArrangedEncoder,
  type ExaminedEncoder,
  judgedOf,
  type Mapped,
  pointsOf,
  queriesOf,
  sampleOf,
} from './examine.ts';
import { ImagePool } from './report/image-pool.ts';
import { projectFeatures } from './report/project.ts';
import type { Arrangement, EncoderReport, Evaluation } from './report/report-data.ts';
import { sampleName } from './sample-name.ts';

interface Examination {
  /** At least one; the first is what the others are compared with, where `hasReference`. */
  readonly encoders: readonly Mapped<ExaminedEncoder>[];
  readonly hasReference: boolean;
  readonly splits: LabelledSplits;
  /** Why the test images may be nothing new to the encoders. */
  readonly doubt?: string;
}

/** Lays out the maps of encoders that have none, at the same time, on worker threads. @throws {AbortError} the signal fired. */
export const withMaps = <T extends ArrangedEncoder>(
  encoders: readonly (T | Mapped<T>)[],
  options: { readonly seed: number; readonly signal: AbortSignal },
): Promise<Mapped<T>[]> =>
  Promise.all(
    encoders.map(async (encoder) => {
      if ('map' in encoder) return encoder;
      const { features, dim } = encoder;
      return { ...encoder, map: await projectFeatures(features, features.length / dim, dim, options) };
    }),
  );

/** Reads the images that the page shows. */
export async function evaluationOf({ encoders, hasReference, splits, doubt }: Examination): Promise<Evaluation> {
  const { train, test } = splits;
  const { labels, chanceTop1 } = encoders[0] as Mapped<ExaminedEncoder>;
  const pool = new ImagePool();
  const addAll = async (split: 'train' | 'test', indices: Iterable<number>): Promise<number[]> => {
    const added: number[] = [];
    for (const index of indices) added.push(pool.add(`${split}:${index}`, await splits[split].get(index)));
    return added;
  };

  const shown = pointsOf(test.length);
  const images = await addAll('test', shown);
  const queries = await addAll('test', queriesOf(labels));
  const reports: EncoderReport[] = [];
  for (const { name, map, neighbours, mistakes, ...judged } of encoders) {
    const neighbors: number[][] = [];
    for (const row of neighbours) neighbors.push(await addAll('train', row));
    const wrong: EncoderReport['mistakes'][number][] = [];
    for (const { test, neighbours: row } of mistakes) {
      const [image] = (await addAll('test', [test])) as [number];
      wrong.push({ test, image, neighbors: await addAll('train', row) });
    }
    reports.push({ name, ...judgedOf(judged), map, neighbors, mistakes: wrong });
  }
  const classCount =
    1 + [labels, ...encoders.map(({ predictions }) => predictions)].flat().reduce((a, b) => Math.max(a, b));
  return {
    classes: train.classes ?? Array.from({ length: classCount }, (_, i) => String(i)),
    labels,
    names: labels.map((_, i) => sampleName(test, i)),
    trainImages: train.length,
    chanceTop1,
    encoders: reports,
    hasReference,
    ...(doubt !== undefined && { doubt }),
    images: pool.toImages(),
    points: images.map((image, i) => ({ image, test: shown[i] as number })),
    queries,
  };
}

/** Of images without labels. */
export async function arrangementOf(
  encoders: readonly Mapped<ArrangedEncoder>[],
  dataset: Dataset,
): Promise<Arrangement> {
  const pool = new ImagePool();
  const addAll = async (indices: Iterable<number>): Promise<number[]> => {
    const added: number[] = [];
    for (const index of indices) added.push(pool.add(String(index), await dataset.get(index)));
    return added;
  };
  const points = await addAll(pointsOf(dataset.length));
  const queries = await addAll(sampleOf(dataset.length));
  const arranged: Arrangement['encoders'][number][] = [];
  for (const { name, map, neighbours } of encoders) {
    const neighbors: number[][] = [];
    for (const row of neighbours) neighbors.push(await addAll(row));
    arranged.push({ name, map, neighbors });
  }
  return { images: pool.toImages(), points, queries, encoders: arranged };
}
