/** Residual branches that are left out at random. */
import * as ops from '../tensor/ops.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { expectNumber } from '../validate.ts';
import { Module } from './module.ts';

/**
 * In training, sets whole samples to 0 with probability p, and scales the others by 1 / (1 − p): for the branch of a
 * residual block. As torchvision's StochasticDepth of mode 'row'.
 * Source: Huang et al. 2016, arXiv:1603.09382.
 */
export class StochasticDepth extends Module {
  readonly p: number;

  /** @param p in [0, 1]. */
  constructor(p: number) {
    super();
    this.p = expectNumber('p', p, { min: 0, max: 1 });
  }

  /** @param x (batch, …) */
  override forward(x: Tensor): Tensor {
    if (!this.training || this.p === 0) return x;
    const ones = ops.ones([x.shape[0] as number, ...x.shape.slice(1).map(() => 1)], {
      dtype: x.dtype,
      device: x.device,
    });
    return x.mul(ops.dropout(ones, { p: this.p }));
  }
}
