/** Batches in which no two samples are of one group. */
import { DataError, OptionError } from '../../errors.ts';
import { checkOptions, describe, expectNumber } from '../../validate.ts';
import { readIds, readLabels } from '../labels.ts';
import type { Sampler } from '../sampler.ts';
import { drawsOf, fullBatches, membersOf, type SamplerContext } from './context.ts';

/**
 * No two samples of a batch are of one group. To a loss without labels, two images of one product, patient or video are
 * negatives of each other, and false ones. Each sample comes at most once an epoch; in an epoch of T batches at most T of a
 * group do, others being drawn each time, and T is the largest number for which the data suffice.
 */
export interface DistinctSampler {
  readonly name: 'distinct';
  /** What tells groups: the samples' labels (default), their ids, or a number for each sample. */
  readonly by?: 'label' | 'id' | readonly number[];
}

/** @throws {OptionError} */
export function checkDistinct(spec: DistinctSampler): DistinctSampler {
  checkOptions('sampler', spec, ['name', 'by']);
  const { by = 'label' } = spec;
  if (Array.isArray(by)) for (const [i, group] of by.entries()) expectNumber(`sampler.by[${i}]`, group);
  else if (by !== 'label' && by !== 'id')
    throw new OptionError(`sampler.by must be 'label', 'id' or an array with a number a sample, got ${describe(by)}`);
  return spec;
}

async function groupsOf(by: DistinctSampler['by'], { dataset, signal }: SamplerContext): Promise<ArrayLike<number>> {
  if (by === undefined || by === 'label') return readLabels(dataset, { signal });
  if (by === 'id') return readIds(dataset, { signal });
  if (by.length !== dataset.length)
    throw new DataError(
      `${dataset.name}: sampler.by must hold ${dataset.length} numbers, one a sample, got ${by.length}`,
    );
  return by;
}

/** The largest number of batches, at most `most`, that groups of these sizes fill without two of a group in one. */
function batchesFrom(sizes: readonly number[], batchSize: number, most: number): number {
  const suffices = (count: number): boolean =>
    sizes.reduce((sum, size) => sum + Math.min(size, count), 0) >= count * batchSize;
  let [least, above] = [0, most + 1]; // what suffices for a number of batches does for a smaller one
  while (above - least > 1) {
    const middle = Math.floor((least + above) / 2);
    if (suffices(middle)) least = middle;
    else above = middle;
  }
  return least;
}

/** @throws {DataError} fewer groups than a batch has samples; or no labels where they are to tell groups. */
export async function makeDistinct({ by }: DistinctSampler, context: SamplerContext): Promise<Sampler> {
  const { dataset, batchSize } = context;
  const groups = [...membersOf(await groupsOf(by, context)).values()];
  if (groups.length < batchSize)
    throw new DataError(
      `${dataset.name}: a distinct batch of ${batchSize} samples needs as many groups, and there are ${groups.length}`,
    );
  const sizes = groups.map((members) => members.length);
  const length = batchesFrom(sizes, batchSize, fullBatches(context));
  return {
    length,
    batches(epoch) {
      const draws = drawsOf(context, epoch);
      const order = draws.shuffle(groups.map((_, i) => i));
      // Group by group, dealt to the batches in turn: two of a group, at most `length` in a row, never meet.
      const dealt = order.flatMap((group) => draws.shuffle([...(groups[group] as number[])]).slice(0, length));
      return Array.from({ length }, (_, batch) =>
        Uint32Array.from({ length: batchSize }, (_, place) => dealt[place * length + batch] as number),
      );
    },
  };
}
