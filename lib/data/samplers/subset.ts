/** Some of the samples. */
import { DataError, OptionError } from '../../errors.ts';
import { checkOptions, describe, expectNumber } from '../../validate.ts';
import { inBatches, type Sampler } from '../sampler.ts';
import { drawsOf, type SamplerContext } from './context.ts';

/** Each of the chosen samples once an epoch, in a new order each time. */
export interface SubsetSampler {
  readonly name: 'subset';
  /** Of the samples in the data set. */
  readonly indices: readonly number[];
}

/** @throws {OptionError} */
export function checkSubset(spec: SubsetSampler): SubsetSampler {
  checkOptions('sampler', spec, ['name', 'indices']);
  if (!Array.isArray(spec.indices))
    throw new OptionError(`sampler.indices must be an array, got ${describe(spec.indices)}`);
  for (const [i, index] of spec.indices.entries())
    expectNumber(`sampler.indices[${i}]`, index, { min: 0, integer: true });
  if (new Set(spec.indices).size < spec.indices.length)
    throw new OptionError('sampler.indices must not hold an index twice');
  return spec;
}

/** @throws {DataError} an index outside the data set, or fewer than a batch. */
export function makeSubset({ indices }: SubsetSampler, context: SamplerContext): Sampler {
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
