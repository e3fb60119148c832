/** Barlow Twins: each dimension correlates with itself across two views, and with no other. No negatives, no teacher. */
import type { LossValue } from '../losses/all.ts';
import { lossOptions } from '../losses/options.ts';
import type { OptionsOf, OptionTable, ResolvedOf } from '../options/option.ts';
import * as ops from '../tensor/ops.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { FeatureMethod, type MethodParts } from './method.ts';
import { offDiagonalSquares } from './off-diagonal.ts';
import { defineMethod } from './registry.ts';
import type { Views } from './views.ts';

const table = {
  /** λ >= 0: weight of the correlations off the diagonal. Default 0.0051. */
  redundancyWeight: { type: 'number', min: 0, default: 0.0051, help: 'weight of the correlations off the diagonal' },
  /** Multiplies the loss, a sum over dimensions. Default 1. */
  lossScale: lossOptions.lossScale,
} as const satisfies OptionTable;

export type BarlowTwinsOptions = OptionsOf<typeof table>;
type Resolved = ResolvedOf<typeof table>;

export class BarlowTwins extends FeatureMethod {
  readonly #options: Resolved;

  constructor(options: Resolved, parts: MethodParts) {
    super(parts);
    this.#options = options;
  }

  override get isPure(): boolean {
    return true;
  }

  override features(views: Views): Tensor {
    return this.student.featuresByView(views);
  }

  override lossOf(features: Tensor): LossValue {
    const [a, b] = features.unbind(1).map(standardized) as [Tensor, Tensor]; // (batch, dim)
    const correlations = a
      .t()
      .matmul(b)
      .div(features.shape[0] as number); // (dim, dim)
    const invariance = correlations.diagonal().sub(1).square().sum();
    const { redundancyWeight, lossScale } = this.#options;
    return { loss: invariance.add(offDiagonalSquares(correlations).mul(redundancyWeight)).mul(lossScale) };
  }
}

/** Each dimension with mean 0 and variance 1 over the batch; 0 where it is constant. */
const standardized = (z: Tensor): Tensor => ops.batchNorm(z, { training: true, momentum: 0, eps: 1e-5 });

/**
 * Barlow Twins. With z the projections of two views, each dimension standardised over the batch, and C their correlations across the views:
 *
 *     C_ij = 1/n Σ_b z_bi z'_bj
 *     L = Σ_i (1 − C_ii)² + λ Σ_i Σ_{j≠i} C_ij²
 *
 * Source: Zbontar et al. 2021, arXiv:2103.03230, eq. 1, 2 and algorithm 1. Published for ImageNet: ResNet-50 (with
 * `zeroInitResidual`), batch 2048 (and down to 256), LARS of the form 'moco-v3', lr 0.2 · batch / 256, for biases and normalisation 0.0048 in its
 * place, weight decay 1.5e-6, 1000 epochs, λ 0.0051; views as BYOL's; projection of three layers of 8192, which is
 * `projectionHead({ layers: 3, batchNorm: 'hidden', hiddenFeatures: 8192, outFeatures: 8192 })`. Differs: its last layer has a bias, which the
 * loss does not depend on; all parameters have one rate. `lossScale: 0.024` makes 0.0048 of 0.2: LARS divides by the gradient's size, but for
 * biases and normalisation, which move in proportion to the loss. Beside the smaller gradient a weight decay counts 42 times as much.
 * The loss is a sum over dimensions: with SGD it wants a `lossScale` of about one over their number.
 * @example
 * const head = projectionHead({ inFeatures: encoder.featureDim, layers: 3, batchNorm: 'hidden', hiddenFeatures: 2048, outFeatures: 2048 });
 * new Trainer({ encoder, head, augment: presets.byol({ size: 32 }), method: barlowTwins() });
 */
export const barlowTwins = defineMethod({
  name: 'barlow-twins',
  comparesBatch: true,
  isOfFeatures: true,
  views: [2, 2],
  options: table,
  make: (options, parts) => new BarlowTwins(options, parts),
});
