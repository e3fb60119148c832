/** Which samples make the batches of an epoch: the interface, and the sampler that takes all of them. */
import { OptionError } from '../errors.ts';
import { indicesUpTo, permutation } from './shuffle.ts';

/** Indices into the data set, a batch at a time. */
export type Batches = readonly Uint32Array[];

/** Decides which samples make the batches of an epoch. */
export interface Sampler {
  /** Batches in an epoch, the same number in each. */
  readonly length: number;
  /** A pure function of the epoch: a training that stopped in its middle goes on with the same batches. */
  batches(epoch: number): Batches | Promise<Batches>;
  /** What it was made of, for a run's config. */
  readonly config?: Readonly<Record<string, unknown>>;
}

/** `indices` in batches of `batchSize`; those that do not fill the last of `count` are left out. */
export const inBatches = (indices: Uint32Array, batchSize: number, count: number): Batches =>
  Array.from({ length: count }, (_, step) => indices.subarray(step * batchSize, (step + 1) * batchSize));

export interface EverySampleOptions {
  readonly batchSize: number;
  /** A new order each epoch. Otherwise that of the data set. */
  readonly shuffle: boolean;
  readonly seed: number;
  /** Leaves out a last batch that is not full. */
  readonly dropLast: boolean;
}

/**
 * Every sample once an epoch.
 * @throws {OptionError} `dropLast` with fewer samples than one batch.
 */
export function everySample(
  { name, length }: { readonly name: string; readonly length: number },
  { batchSize, shuffle, seed, dropLast }: EverySampleOptions,
): Sampler {
  const count = (dropLast ? Math.floor : Math.ceil)(length / batchSize);
  if (count === 0)
    throw new OptionError(
      `batchSize must be at most the ${length} samples of ${name} when dropLast is true, got ${batchSize}`,
    );
  return {
    length: count,
    batches: (epoch) => inBatches(shuffle ? permutation(length, seed, epoch) : indicesUpTo(length), batchSize, count),
  };
}
