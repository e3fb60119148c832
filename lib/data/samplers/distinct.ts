/** Batches in which no two samples are of one group. */
import { DataError, OptionError } from '../../errors.ts';
import type { OptionTable, ResolvedOf } from '../../options/option.ts';
import { describe } from '../../validate.ts';
import { readIds, readLabels } from '../labels.ts';
import type { Sampler } from '../sampler.ts';
import { drawsOf, fullBatches, membersOf, type SamplerContext } from './context.ts';
import { expectNumbers } from './numbers.ts';

const numbers = expectNumbers({});

/**
 * No two samples of a batch are of one group. To a loss without labels, two images of one product, patient or video are
 * negatives of each other, and false ones. Each sample comes at most once an epoch; in an epoch of T batches at most T of a
 * group do, others being drawn each time, and T is the largest number for which the data suffice.
 */
export const distinctOptions = {
  /** What tells groups: the samples' labels, their ids, or a number for each sample. */
  by: {
    type: 'checked',
    default: 'label',
    check(name: string, value: 'label' | 'id' | readonly number[]): 'label' | 'id' | readonly number[] {
      if (value === 'label' || value === 'id') return value;
      if (Array.isArray(value)) return numbers(name, value);
      throw new OptionError(`${name} must be 'label', 'id' or an array with a number a sample, got ${describe(value)}`);
    },
  },
} as const satisfies OptionTable;

type DistinctOptions = ResolvedOf<typeof distinctOptions>;

async function groupsOf(by: DistinctOptions['by'], { dataset, signal }: SamplerContext): Promise<ArrayLike<number>> {
  if (by === 'label') return readLabels(dataset, { signal });
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
export async function makeDistinct({ by }: DistinctOptions, context: SamplerContext): Promise<Sampler> {
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
