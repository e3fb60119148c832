/** What a method's loss looks at beside the views, as tensors. */
import type { Method, Targets } from '../methods/method.ts';
import { type Tensor, tensor } from '../tensor/tensor.ts';
import type { TrainBatch } from './batches.ts';
import type { ResolvedOptions } from './options.ts';

/** A number that changes from step to step, float64 (). */
export const scalarOf = (value: number): Tensor => tensor(value, { dtype: 'float64' });

/** @param progress part of the training that lies behind, in [0, 1]. */
export function targetsOf(
  { labels, ids }: Pick<TrainBatch, 'labels' | 'ids'>,
  { method: { labels: use }, encoder }: Pick<ResolvedOptions, 'method' | 'encoder'>,
  method: Method,
  progress: number,
): Targets {
  const { device } = encoder;
  const numbers = Object.entries(method.numbersAt(progress)).map(([name, value]) => [name, scalarOf(value)]);
  return {
    labels: use !== 'none' && labels ? tensor(labels, { device }) : undefined,
    ids: tensor(ids, { device }),
    numbers: Object.fromEntries(numbers),
  };
}
