/** Which buffers a training step may move. */
import type { Module } from '../nn/module.ts';
import { noGrad, tidy } from '../tensor/modes.ts';
import * as ops from '../tensor/ops.ts';
import type { Tensor } from '../tensor/tensor.ts';

/**
 * The buffers of a module that a step may move, as running statistics, by name: all but those that hold NaN or an infinity
 * as they are now. Such a one is a constant, as a mask of −∞ is: no step is refused for it, and none puts it back.
 */
export function movingBuffers(module: Module): Map<string, Tensor> {
  const buffers = [...module.namedBuffers()];
  if (buffers.length === 0) return new Map();
  const finite = noGrad(() =>
    tidy(() => ops.stack(buffers.map(([, buffer]) => ops.isfinite(buffer).all())).dataSync()),
  );
  return new Map(buffers.filter((_, i) => finite[i]));
}
