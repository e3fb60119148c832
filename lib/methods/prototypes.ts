/** What SwAV and DINO share: prototypes, to which views are assigned, and views that predict the assignments of others. */
import { Module } from '../nn/module.ts';
import { Parameter } from '../nn/parameter.ts';
import { tidy } from '../tensor/modes.ts';
import * as ops from '../tensor/ops.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** Directions, each a trained vector whose length does not matter. */
export class Prototypes extends Module {
  /** (count, dim) */
  readonly weight: Parameter;

  constructor(count: number, dim: number, seed: number) {
    super();
    this.weight = new Parameter(tidy(() => ops.normalize(ops.randn([count, dim], { seed }))));
  }

  /** The cosines of vectors (…, dim) with the prototypes: (…, count). */
  override forward(z: Tensor): Tensor {
    return ops.linear(ops.normalize(z, { dim: -1 }), ops.normalize(this.weight));
  }
}

/**
 * The cross entropy of each target with the predictions of all views but its own; mean over the pairs and the batch.
 * @param targets float32 (batch, targets, prototypes): distributions, without a gradient.
 * @param numbers of each target's own view.
 * @param logits float32 (batch, views, prototypes)
 */
export function swappedPrediction(targets: Tensor, numbers: readonly number[], logits: Tensor): Tensor {
  const predictions = logits.logSoftmax(2).unbind(1);
  const terms = targets
    .unbind(1)
    .flatMap((target, t) =>
      predictions.filter((_, view) => view !== numbers[t]).map((prediction) => target.mul(prediction).sum([1]).mean()),
    );
  return ops.stack(terms).mean().neg();
}
