/** From what the demo measured to its report. */
import type { Dataset } from '../data/dataset.ts';
import { nearestNeighbours } from '../evaluate/knn.ts';
import { loadAddon } from '../native/addon.ts';
import { indexSelect } from '../tensor/ops.ts';
import { tensor } from '../tensor/tensor.ts';
import type { FittedPlan } from './demo-plan.ts';
import { recipe, temperature } from './demo-recipe.ts';
import type { Accuracies, LabelledSplits, SplitFeatures } from './evaluate-run.ts';
import { formatDuration } from './format.ts';
import { ImagePool } from './report/image-pool.ts';
import { projectFeatures } from './report/project.ts';
import { renderReport } from './report/report.ts';
import type { EncoderReport, LossCurve, ReportFact } from './report/report-data.ts';

/** Test images on the maps. */
const mapPoints = 1000;
/** Neighbours beside a query, which is the first test image of its class. */
const neighboursShown = 8;

/** What the report shows of one encoder. */
export interface DemoEncoder {
  readonly name: string;
  readonly accuracies: Required<Pick<Accuracies, 'knnTop1' | 'linearTop1'>>;
  /** Absent before training. */
  readonly loss?: LossCurve;
  /** float32 (points, dim): features of the first test images. */
  readonly features: Float32Array;
  readonly dim: number;
  /** Training images (indices), nearest first, for each query. */
  readonly neighbours: readonly Int32Array[];
}

/** The first test image of each class, by class. */
export function queriesOf(labels: ArrayLike<number>): number[] {
  const first = new Map<number, number>();
  for (let i = 0; i < labels.length; i++) if (!first.has(labels[i] as number)) first.set(labels[i] as number, i);
  return [...first].sort(([a], [b]) => a - b).map(([, index]) => index);
}

/** Reads what the report needs, so that the features themselves can be disposed. */
export async function readForReport({
  train,
  test,
}: SplitFeatures): Promise<Pick<DemoEncoder, 'features' | 'dim' | 'neighbours'>> {
  const [count, dim] = test.features.shape as [number, number];
  const all = (await test.features.data()) as Float32Array;
  using rows = tensor(queriesOf(test.labels as Int32Array), { dtype: 'int64', device: test.features.device });
  using queries = indexSelect(test.features, 0, rows);
  const k = Math.min(neighboursShown, train.features.shape[0] as number);
  const { indices } = await nearestNeighbours(queries, train.features, { k });
  return { features: all.slice(0, Math.min(mapPoints, count) * dim), dim, neighbours: indices };
}

/** What the report says of how its numbers came about. */
export function demoFacts(
  { train, test }: LabelledSplits,
  { epochs, precision }: FittedPlan,
  { seed, device, seconds }: { readonly seed: number; readonly device: string; readonly seconds: number },
): ReportFact[] {
  const { torchVersion, threads } = loadAddon().info();
  return [
    { label: 'Training images', value: train.length.toLocaleString('en') },
    { label: 'Test images', value: test.length.toLocaleString('en') },
    { label: 'Encoder', value: `ResNet-18, width ${recipe.encoder.width}` },
    { label: 'Epochs, each method', value: String(epochs) },
    { label: 'Batch', value: `${recipe.batchSize} images, 2 views each` },
    { label: 'Peak learning rate', value: String(recipe.optimizer.lr) },
    { label: 'Temperature', value: String(temperature) },
    { label: 'Views', value: `preset ${recipe.preset.name}, colour jitter × ${recipe.preset.strength}` },
    { label: 'Precision', value: precision },
    { label: 'Seed', value: String(seed) },
    { label: 'Device', value: device === 'cpu' ? `cpu, ${threads} threads` : device },
    { label: 'libtorch', value: torchVersion },
    { label: 'Time', value: formatDuration(seconds) },
  ];
}

export interface DemoReportOptions {
  readonly title: string;
  readonly facts: readonly ReportFact[];
  readonly splits: LabelledSplits;
  readonly seed: number;
  readonly signal: AbortSignal;
}

/** Lays out the maps (on worker threads) and renders the page. */
export async function demoReport(encoders: readonly DemoEncoder[], options: DemoReportOptions): Promise<string> {
  const { title, facts, splits, seed, signal } = options;
  const { train, test } = splits;
  const pool = new ImagePool();
  const add = async (split: 'train' | 'test', index: number): Promise<number> =>
    pool.add(`${split}:${index}`, await splits[split].get(index));
  const addAll = async (split: 'train' | 'test', indices: Iterable<number>): Promise<number[]> => {
    const added: number[] = [];
    for (const index of indices) added.push(await add(split, index));
    return added;
  };

  const points = await addAll('test', Array.from({ length: Math.min(mapPoints, test.length) }).keys());
  const queries = await addAll('test', queriesOf(await labelsOf(test)));
  const reports = await Promise.all(
    encoders.map(async ({ name, accuracies, loss, features, dim, neighbours }): Promise<EncoderReport> => {
      const map = await projectFeatures(features, features.length / dim, dim, { seed, signal });
      const rows: number[][] = [];
      for (const row of neighbours) rows.push(await addAll('train', row));
      return { name, ...accuracies, ...(loss && { loss }), map, neighbors: rows };
    }),
  );
  return renderReport({
    title,
    facts,
    classes: train.classes ?? [],
    testCount: test.length,
    encoders: reports,
    images: pool.toImages(),
    points,
    queries,
  });
}

async function labelsOf(dataset: Dataset): Promise<number[]> {
  const labels: number[] = [];
  for (let i = 0; i < dataset.length; i++) labels.push((await dataset.get(i)).label ?? 0);
  return labels;
}
