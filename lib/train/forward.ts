/** From views to what the loss compares, by tensor operations. */
import { Module } from '../nn/module.ts';
import { noGrad } from '../tensor/modes.ts';
import * as ops from '../tensor/ops.ts';
import { inPrecision } from '../tensor/precision.ts';
import { type Tensor, tensor } from '../tensor/tensor.ts';
import type { TrainBatch } from './batches.ts';
import type { ResolvedOptions } from './options.ts';

/** The modes of encoder and head, for what is recorded of them; undefined where one has a forward hook. */
export function modeKeyOf({ encoder, head }: Pick<ResolvedOptions, 'encoder' | 'head'>): string | undefined {
  const keys = [encoder, head].flatMap((part) => (part instanceof Module ? [part.modeKey] : []));
  return keys.includes(undefined) ? undefined : keys.join();
}

/** Encoder and head over the views of a batch; float32 (batch, views, dim), differentiable. */
export function forward(
  { images, viewOrder }: Pick<TrainBatch, 'images' | 'viewOrder'>,
  { encoder, head, precision }: Pick<ResolvedOptions, 'encoder' | 'head' | 'precision'>,
): Tensor {
  const views = viewOrder.length;
  const z = inPrecision(precision, () => {
    const ofSizes = images.map((tensor) => encoder.forward(tensor));
    const [first, ...others] = ofSizes as [Tensor, ...Tensor[]];
    const encoded = others.length === 0 ? first : byView(ops.cat(ofSizes), viewOrder); // (views · batch, featureDim)
    return head === null ? encoded : head.forward(encoded);
  });
  const [rows, dim] = z.shape as [number, number];
  return z
    .to('float32')
    .reshape([views, rows / views, dim])
    .transpose(0, 1);
}

/**
 * Queries and their keys: view 0 through the encoder, view 1 through the momentum encoder; behind them, where that is
 * symmetric, the same with the views exchanged.
 * @returns float32 (batch or 2 · batch, 2, dim), differentiable in the queries; and the keys alone.
 */
export function forwardPairs(
  { images, viewOrder }: Pick<TrainBatch, 'images' | 'viewOrder'>,
  options: Pick<ResolvedOptions, 'encoder' | 'head' | 'precision'>,
  momentum: Pick<ResolvedOptions, 'encoder' | 'head'> & { readonly symmetric: boolean },
): { features: Tensor; keys: Tensor } {
  const views = viewOrder.map((place) => {
    const [first, second] = images as [Tensor, Tensor?];
    if (second !== undefined) return images[place] as Tensor; // views of two sizes
    const batch = (first.shape[0] as number) / 2;
    return first.narrow(0, place * batch, batch);
  });
  const { encoder, head } = momentum;
  const turns = (momentum.symmetric ? [0, 1] : [0]).map((view) => ({
    queries: forward({ images: [views[view] as Tensor], viewOrder: [0] }, options),
    keys: noGrad(() => forward({ images: [views[1 - view] as Tensor], viewOrder: [0] }, { ...options, encoder, head })),
  }));
  const queries = ops.cat(turns.map((turn) => turn.queries));
  const keys = ops.cat(turns.map((turn) => turn.keys));
  return { features: ops.cat([queries, keys], 1), keys: keys.select(1, 0) };
}

/** Rows that lie size by size, brought into the order of the views. */
function byView(encoded: Tensor, viewOrder: readonly number[]): Tensor {
  if (viewOrder.every((place, view) => place === view)) return encoded;
  const views = viewOrder.length;
  const [rows, dim] = encoded.shape as [number, number];
  const order = tensor(Int32Array.from(viewOrder), { device: encoded.device });
  return encoded
    .reshape([views, rows / views, dim])
    .indexSelect(0, order)
    .reshape([rows, dim]);
}
