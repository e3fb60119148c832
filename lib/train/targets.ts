/** What a method's loss looks at beside the views, as tensors. */
import type { Method, Targets } from '../methods/method.ts';
import { scalarDevice } from '../tensor/runtime.ts';
import { type Tensor, tensor } from '../tensor/tensor.ts';
import type { TrainBatch } from './batches.ts';
import type { ResolvedOptions } from './options.ts';

/** A number that changes from step to step, where the work of `device` finds it without a wait: float64 (). */
export const scalarOf = (value: number, device: string): Tensor =>
  tensor(value, { dtype: 'float64', device: scalarDevice(device) });

/** Labels, where the method looks at them and every sample has one, and ids. */
export function tensorsOf(
  { labels, ids }: Pick<TrainBatch, 'labels' | 'ids'>,
  { method: { labels: use }, encoder: { device } }: Pick<ResolvedOptions, 'method' | 'encoder'>,
): Pick<Targets, 'labels' | 'ids'> {
  return {
    labels: use !== 'none' && labels ? tensor(labels, { device }) : undefined,
    ids: tensor(ids, { device }),
  };
}

/** @param progress part of the training that lies behind, in [0, 1]. */
export function targetsOf(
  batch: Pick<TrainBatch, 'labels' | 'ids'>,
  options: Pick<ResolvedOptions, 'method' | 'encoder'>,
  method: Method,
  progress: number,
): Targets {
  const { device } = options.encoder;
  const numbers = Object.entries(method.numbersAt(progress)).map(([name, value]) => [name, scalarOf(value, device)]);
  return { ...tensorsOf(batch, options), numbers: Object.fromEntries(numbers) };
}
