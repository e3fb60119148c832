/** A sampler of the user's own: a function. */
import { DataError } from '../../errors.ts';
import { describe } from '../../validate.ts';
import type { Dataset } from '../dataset.ts';
import { type Batches, inBatches, type Sampler } from '../sampler.ts';
import { drawsOf, type SamplerContext } from './context.ts';

/** What a sampler function is told. */
export interface SamplerEpoch {
  readonly epoch: number;
  readonly seed: number;
  readonly batchSize: number;
  readonly dataset: Dataset;
  /** The next of a row of numbers, uniform in [0, 1), that is a function of seed and epoch. */
  readonly random: () => number;
}

type Indices = ArrayLike<number>;

/**
 * Gives the samples of an epoch, as indices into the data set: in one row, which is cut into full batches, or as batches of
 * `batchSize`. It has to be a function of what it is told, so that a training that stopped goes on with the same batches, and
 * to give as many batches for each epoch.
 */
export type SamplerFunction = (
  epoch: SamplerEpoch,
) => Indices | readonly Indices[] | Promise<Indices | readonly Indices[]>;

const areBatches = (given: Indices | readonly Indices[]): given is readonly Indices[] => typeof given[0] === 'object';

/** @throws {DataError} what is no row of indices and no batches of them, or less than one batch. */
export async function makeCustom(sample: SamplerFunction, context: SamplerContext): Promise<Sampler> {
  const { dataset, batchSize, seed } = context;
  const { name, length: samples } = dataset;
  const indicesOf = (given: Indices): Uint32Array => {
    for (let i = 0; i < given.length; i++) {
      const index: unknown = given[i];
      if (!(Number.isInteger(index) && (index as number) >= 0 && (index as number) < samples))
        throw new DataError(`${name}: sampler must give integers from 0 to ${samples - 1}, got ${describe(index)}`);
    }
    return Uint32Array.from(given);
  };
  const batchesOf = async (epoch: number): Promise<Batches> => {
    const draws = drawsOf(context, epoch);
    const given = await sample({ epoch, seed, batchSize, dataset, random: () => draws.uniform() });
    if (typeof given?.length !== 'number')
      throw new DataError(`${name}: sampler must give an array of indices or of batches, got ${describe(given)}`);
    if (!areBatches(given)) return inBatches(indicesOf(given), batchSize, Math.floor(given.length / batchSize));
    const other = given.findIndex((batch) => batch?.length !== batchSize);
    if (other !== -1)
      throw new DataError(
        `${name}: sampler must give batches of ${batchSize}, got ${given[other]?.length} in batch ${other}`,
      );
    return given.map(indicesOf);
  };
  const { length } = await batchesOf(0);
  if (length === 0) throw new DataError(`${name}: sampler gave no full batch of ${batchSize}`);
  return {
    length,
    async batches(epoch) {
      const batches = await batchesOf(epoch);
      if (batches.length !== length)
        throw new DataError(
          `${name}: sampler must give ${length} batches as for epoch 0, got ${batches.length} for epoch ${epoch}`,
        );
      return batches;
    },
    config: { name: 'custom' },
  };
}
