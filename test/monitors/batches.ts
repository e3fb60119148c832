/** Batches as monitors see them, and a queue that hands them out. */
import { type Tensor, tensor } from '../../lib/tensor/tensor.ts';
import { type FeatureContext, FeatureQueue, type ObservedBatch } from '../../lib/train/monitors.ts';

/** Rows in two classes that a plane parts, with some noise: (rows, dim). */
export function rowsOf(count: number, dim: number, seed = 0): { values: number[][]; labels: number[] } {
  const labels = Array.from({ length: count }, (_, i) => (i * 7 + seed) % 3);
  const values = labels.map((label, i) =>
    Array.from({ length: dim }, (_, j) => (j % 3 === label ? 1.5 : 0) + Math.sin(1 + (i + 31 * seed) * (j + 2) * 1.3)),
  );
  return { values, labels };
}

export function observed(values: number[][], labels?: number[], ids?: number[]): ObservedBatch {
  const queued = tensor(values);
  return {
    features: queued.unsqueeze(1),
    queued,
    labels: labels && Int32Array.from(labels),
    ids: BigInt64Array.from(ids ?? values.map((_, i) => i), BigInt),
  };
}

/** The context of a queue that these were put into. */
export function contextOf(rows: number, ...batches: ObservedBatch[]): FeatureContext {
  const queue = new FeatureQueue(rows);
  for (const batch of batches) queue.push(batch);
  return {
    epoch: 0,
    step: batches.length,
    signal: undefined,
    newest: (count) => queue.newest(count),
    distributed: false,
  };
}

export const listsOf = async (features: Tensor): Promise<number[][]> => {
  const [rows, dim] = features.shape as [number, number];
  const values = Array.from(await features.data(), Number);
  return Array.from({ length: rows }, (_, i) => values.slice(i * dim, (i + 1) * dim));
};
