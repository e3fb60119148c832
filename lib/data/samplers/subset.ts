/** Some of the samples. */
import { DataError, OptionError } from '../../errors.ts';
import type { OptionTable, ResolvedOf } from '../../options/option.ts';
import { inBatches, type Sampler } from '../sampler.ts';
import { drawsOf, type SamplerContext } from './context.ts';
import { expectNumbers } from './numbers.ts';

const naturals = expectNumbers({ min: 0, integer: true });

/** Each of the chosen samples once an epoch, in a new order each time. */
export const subsetOptions = {
  /** Of the samples in the data set, each once. */
  indices: {
    type: 'checked',
    required: true,
    check(name: string, value: readonly number[]): readonly number[] {
      const indices = naturals(name, value);
      if (new Set(indices).size < indices.length) throw new OptionError(`${name} must not hold an index twice`);
      return indices;
    },
  },
} as const satisfies OptionTable;

/** @throws {DataError} an index outside the data set, or fewer than a batch. */
export function makeSubset({ indices }: ResolvedOf<typeof subsetOptions>, context: SamplerContext): Sampler {
  const { dataset, batchSize } = context;
  const outside = indices.find((index) => index >= dataset.length);
  if (outside !== undefined)
    throw new DataError(`${dataset.name}: sampler.indices must be below ${dataset.length}, got ${outside}`);
  const length = Math.floor(indices.length / batchSize);
  if (length === 0)
    throw new DataError(
      `${dataset.name}: sampler.indices must hold at least the ${batchSize} samples of a batch, got ${indices.length}`,
    );
  return {
    length,
    batches: (epoch) => inBatches(drawsOf(context, epoch).shuffle(Uint32Array.from(indices)), batchSize, length),
  };
}
