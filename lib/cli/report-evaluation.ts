/** From examined encoders and their images to what a report shows of them. */
import type { FolderDataset } from '../data/folder.ts';
import type { LabelledSplits } from './evaluate-run.ts';
import { type ExaminedEncoder, pointsOf, queriesOf } from './examine.ts';
import { ImagePool } from './report/image-pool.ts';
import { projectFeatures } from './report/project.ts';
import type { EncoderReport, Evaluation } from './report/report-data.ts';

interface Examination {
  /** At least one; the first is what the others are compared with, where `hasReference`. */
  readonly encoders: readonly ExaminedEncoder[];
  readonly hasReference: boolean;
  readonly splits: LabelledSplits;
  /** Of the maps. */
  readonly seed: number;
  readonly signal: AbortSignal;
}

/** Lays out the maps (on worker threads), and reads the images. */
export async function evaluationOf({ encoders, hasReference, splits, seed, signal }: Examination): Promise<Evaluation> {
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
  const maps = await Promise.all(
    encoders.map(({ features, dim }) => projectFeatures(features, shown.length, dim, { seed, signal })),
  );
  const reports: EncoderReport[] = [];
  for (const [i, { name, knnTop1, linearTop1, predictions, confidences, neighbours, mistakes }] of encoders.entries()) {
    const map = maps[i] as Float32Array;
    const neighbors: number[][] = [];
    for (const row of neighbours) neighbors.push(await addAll('train', row));
    const wrong: EncoderReport['mistakes'][number][] = [];
    for (const { test, neighbours: row } of mistakes) {
      const [image] = (await addAll('test', [test])) as [number];
      wrong.push({ test, image, neighbors: await addAll('train', row) });
    }
    reports.push({ name, knnTop1, linearTop1, predictions, confidences, map, neighbors, mistakes: wrong });
  }
  const { files } = test as Partial<FolderDataset>;
  const classCount =
    1 + [labels, ...encoders.map(({ predictions }) => predictions)].flat().reduce((a, b) => Math.max(a, b));
  return {
    classes: train.classes ?? Array.from({ length: classCount }, (_, i) => String(i)),
    labels,
    names: labels.map((_, i) => files?.[i] ?? String(i)),
    trainImages: train.length,
    chanceTop1,
    encoders: reports,
    hasReference,
    images: pool.toImages(),
    points: images.map((image, i) => ({ image, test: shown[i] as number })),
    queries,
  };
}
