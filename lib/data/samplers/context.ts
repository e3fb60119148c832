/** What a sampler is made for. */
import type { Dataset } from '../dataset.ts';
import { Draws } from '../shuffle.ts';

export interface SamplerContext {
  readonly dataset: Dataset;
  /** Samples of each batch. */
  readonly batchSize: number;
  readonly seed: number;
  /** Fires where labels or images are being read for nobody any more. */
  readonly signal: AbortSignal | undefined;
}

/** The draws of an epoch. */
export const drawsOf = ({ seed }: Pick<SamplerContext, 'seed'>, epoch: number): Draws =>
  new Draws(seed, epoch, 'sample');

/** Full batches in as many samples as the data set has. */
export const fullBatches = ({ dataset, batchSize }: SamplerContext): number => Math.floor(dataset.length / batchSize);

/** The indices of the samples of each group, in rising order. */
export function membersOf(groups: ArrayLike<number>): Map<number, number[]> {
  const members = new Map<number, number[]>();
  for (let i = 0; i < groups.length; i++) {
    const group = groups[i] as number;
    const own = members.get(group);
    if (own === undefined) members.set(group, [i]);
    else own.push(i);
  }
  return members;
}
