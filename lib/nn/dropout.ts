/** Dropout. */
import * as ops from '../tensor/ops.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { expectNumber } from '../validate.ts';
import { Module } from './module.ts';

/**
 * In training, sets each value to 0 with probability p, and scales the others by 1 / (1 − p). As torch.nn.Dropout.
 * Source: Srivastava et al. 2014, "Dropout: A simple way to prevent neural networks from overfitting".
 */
export class Dropout extends Module {
  readonly p: number;

  /** @param p in [0, 1]; default 0.5. */
  constructor(p = 0.5) {
    super();
    this.p = expectNumber('p', p, { min: 0, max: 1 });
  }

  override forward(x: Tensor): Tensor {
    return this.training && this.p > 0 ? ops.dropout(x, { p: this.p }) : x;
  }
}
