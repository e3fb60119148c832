/** From examined encoders and their images to what a report shows of them. */
import type { Dataset } from '../data/dataset.ts';
import type { LabelledSplits } from './evaluate-run.ts';
import { type ArrangedEncoder, type ExaminedEncoder, judgedOf, pointsOf, queriesOf, sampleOf } from './examine.ts';
import { ImagePool } from './report/image-pool.ts';
import { projectFeatures } from './report/project.ts';
import type { Arrangement, EncoderReport, Evaluation } from './report/report-data.ts';
import { sampleName } from './sample-name.ts';

interface Examination {
  /** At least one; the first is what the others are compared with, where `hasReference`. */
  readonly encoders: readonly ExaminedEncoder[];
  readonly hasReference: boolean;
  readonly splits: LabelledSplits;
  /** Why the test images may be nothing new to the encoders. */
  readonly doubt?: string;
  /** Of the maps. */
  readonly seed: number;
  readonly signal: AbortSignal;
}

/** Lays out the maps (on worker threads), and reads the images. */
export async function evaluationOf({
  encoders,
  hasReference,
  splits,
  doubt,
  seed,
  signal,
}: Examination): Promise<Evaluation> {
  const { train, test } = splits;
  const { labels, chanceTop1 } = encoders[0] as ExaminedEncoder;
  const pool = new ImagePool();
  const addAll = async (split: 'train' | 'test', indices: Iterable<number>): Promise<number[]> => {
    const added: number[] = [];
    for (const index of indices) added.push(pool.add(`${split}:${index}`, await splits[split].get(index)));
    return added;
  };

  const shown = pointsOf(test.length);
  const images = await addAll('test', shown);
  const queries = await addAll('test', queriesOf(labels));
  const maps = await mapsOf(encoders, { seed, signal });
  const reports: EncoderReport[] = [];
  for (const [i, { name, neighbours, mistakes, ...judged }] of encoders.entries()) {
    const map = maps[i] as Float32Array;
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

const mapsOf = (encoders: readonly ArrangedEncoder[], options: Pick<Examination, 'seed' | 'signal'>) =>
  Promise.all(encoders.map(({ features, dim }) => projectFeatures(features, features.length / dim, dim, options)));

/** Of images without labels. */
export async function arrangementOf(
  encoders: readonly ArrangedEncoder[],
  dataset: Dataset,
  options: Pick<Examination, 'seed' | 'signal'>,
): Promise<Arrangement> {
  const pool = new ImagePool();
  const addAll = async (indices: Iterable<number>): Promise<number[]> => {
    const added: number[] = [];
    for (const index of indices) added.push(pool.add(String(index), await dataset.get(index)));
    return added;
  };
  const points = await addAll(pointsOf(dataset.length));
  const queries = await addAll(sampleOf(dataset.length));
  const maps = await mapsOf(encoders, options);
  const arranged: Arrangement['encoders'][number][] = [];
  for (const [i, { name, neighbours }] of encoders.entries()) {
    const neighbors: number[][] = [];
    for (const row of neighbours) neighbors.push(await addAll(row));
    arranged.push({ name, map: maps[i] as Float32Array, neighbors });
  }
  return { images: pool.toImages(), points, queries, encoders: arranged };
}
