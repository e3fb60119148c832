/** Data sets of known labels, and what samplers make of them. */
import { arrayDataset } from '../../../lib/data/array-dataset.ts';
import type { Dataset } from '../../../lib/data/dataset.ts';
import type { Sampler } from '../../../lib/data/sampler.ts';

/** Gray images of one pixel, with these labels. */
export const withLabels = (labels: readonly number[]): Dataset =>
  arrayDataset(new Uint8Array(labels.length), {
    shape: [labels.length, 1, 1, 1],
    labels: Int32Array.from(labels),
  });

/** Labels 0, 1, …, each as often as `counts` says, mixed. */
export function mixedLabels(counts: readonly number[]): number[] {
  const labels = counts.flatMap((count, label) => new Array<number>(count).fill(label));
  return labels.map((_, i) => labels[(i * 7919) % labels.length] as number); // 7919 is prime
}

export const batchesOf = async (sampler: Sampler, epoch: number): Promise<number[][]> =>
  Array.from(await sampler.batches(epoch), (batch) => Array.from(batch));

/** How often each of `values` is there, by value. */
export function countsOf(values: readonly number[]): Map<number, number> {
  const counts = new Map<number, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts;
}
