/** Self-supervised contrastive loss. */
import * as ops from '../tensor/ops.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { type ContrastiveLossOptions, commonArguments } from './sup-con.ts';

/**
 * Normalised temperature-scaled cross entropy (NT-Xent), mean over all views of all samples.
 *
 *     L_i = −log( exp(z_i·z_j(i)/τ) / Σ_{a≠i} exp(z_i·z_a/τ) )
 *
 * j(i) is the other view of the sample of i; with more than two views, the mean over them.
 *
 * Source: Chen et al. 2020, arXiv:2002.05709, eq. 1; more views: Khosla et al. 2020, arXiv:2004.11362, eq. 2. Differs:
 * google-research/simclr's value is twice this mean (`lossScale: 2`).
 *
 * @param features floating (batch, views ≥ 2, dim); L2-normalised inside unless `normalize: false`.
 * @returns scalar (), differentiable in features and, where it is a tensor, in temperature; precision as supConLoss.
 * @throws {OptionError} an unknown option, or a value out of range.
 * @throws {ShapeError} features not 3-D, or of one view.
 * @throws {DTypeError} features not floating.
 * @example
 * const loss = ntXentLoss(features, { temperature: 0.5 });
 */
export function ntXentLoss(features: Tensor, options: ContrastiveLossOptions = {}): Tensor {
  const { learnedTemperature, numbers } = commonArguments('ntXentLoss', features, options);
  return ops.ntXentLoss(features, learnedTemperature, numbers);
}
