/** What methods without negatives share: a predictor, and how near a prediction comes. */
import { type ProjectionHead, projectionHead } from '../encoders/projection-head.ts';
import * as ops from '../tensor/ops.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { MethodParts } from './method.ts';

/** The option of how wide a predictor's hidden layer is; its default is the method's. */
export const predictorWidth = {
  type: 'number',
  min: 1,
  max: 2 ** 24,
  integer: true,
  help: 'width of the predictor',
} as const;

/**
 * Linear – batch normalisation – ReLU – Linear, from vectors of length `dim` to vectors of that length.
 * @param batchNorm as of `projectionHead()`; default 'hidden'.
 */
export function predictor(
  dim: number,
  hiddenFeatures: number,
  { device, seed }: MethodParts,
  batchNorm: 'hidden' | 'all-but-scale' = 'hidden',
): ProjectionHead {
  return projectionHead({ inFeatures: dim, hiddenFeatures, outFeatures: dim, batchNorm, seed }).to(device);
}

/** The mean cosine of the rows of two tensors (batch, dim); scalar (). */
export function meanCosine(a: Tensor, b: Tensor): Tensor {
  return ops.normalize(a).mul(ops.normalize(b)).sum([1]).mean();
}
