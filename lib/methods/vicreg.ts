/** VICReg: views agree, each dimension varies over the batch, no two dimensions vary together. No negatives, no teacher. */
import { OptionError } from '../errors.ts';
import type { LossValue } from '../losses/all.ts';
import type { OptionsOf, OptionTable, ResolvedOf } from '../options/option.ts';
import * as ops from '../tensor/ops.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { FeatureMethod, type MethodParts } from './method.ts';
import { offDiagonalSquares } from './off-diagonal.ts';
import { defineMethod } from './registry.ts';
import type { Views } from './views.ts';

const weight = { type: 'number', min: 0 } as const;

const table = {
  /** λ >= 0: weight of the distance of two views. Default 25. */
  invarianceWeight: { ...weight, default: 25, help: 'weight of the distance of two views' },
  /** μ >= 0: weight of deviations below 1. Default 25. */
  varianceWeight: { ...weight, default: 25, help: 'weight of deviations below 1' },
  /** ν >= 0: weight of covariances. Default 1. */
  covarianceWeight: { ...weight, default: 1, help: 'weight of covariances' },
} as const satisfies OptionTable;

export type VicregOptions = OptionsOf<typeof table>;
type Resolved = ResolvedOf<typeof table>;

/** Added to a variance before its root, whose slope at 0 has no bound. */
const epsilon = 1e-4;

export class Vicreg extends FeatureMethod {
  readonly #weights: Resolved;

  constructor(weights: Resolved, parts: MethodParts) {
    super(parts);
    this.#weights = weights;
  }

  override get isPure(): boolean {
    return true;
  }

  override features(views: Views): Tensor {
    return this.student.featuresByView(views);
  }

  override lossOf(features: Tensor): LossValue {
    const both = features.unbind(1) as [Tensor, Tensor]; // (batch, dim)
    const invariance = both[0].sub(both[1]).square().mean();
    const [variance, covariance] = [hinge, redundancy].map((term) => term(both[0]).add(term(both[1]))) as [
      Tensor,
      Tensor,
    ];
    const { invarianceWeight, varianceWeight, covarianceWeight } = this.#weights;
    const loss = invariance
      .mul(invarianceWeight)
      .add(variance.mul(varianceWeight))
      .add(covariance.mul(covarianceWeight));
    return { loss };
  }
}

/** v(z): how far the deviations of the dimensions lie below 1, on average; z (batch, dim). */
function hinge(z: Tensor): Tensor {
  const deviation = ops.variance(z, [0]).add(epsilon).sqrt();
  return deviation.neg().add(1).relu().mean();
}

/** c(z): the squares of the covariances of different dimensions, summed, over their number; z (batch, dim). */
function redundancy(z: Tensor): Tensor {
  const [batch, dim] = z.shape as [number, number];
  const centred = z.sub(z.mean([0]));
  return offDiagonalSquares(
    centred
      .t()
      .matmul(centred)
      .div(batch - 1),
  ).div(dim);
}

/**
 * Variance-invariance-covariance regularisation, of the projections z and z' of two views, (n, d), with the covariance matrix C(z):
 *
 *     L = λ s(z, z') + μ (v(z) + v(z')) + ν (c(z) + c(z'))
 *     s(z, z') = mean of (z − z')²
 *     v(z) = 1/d Σ_j max(0, 1 − √(Var(z_j) + 1e-4))
 *     c(z) = 1/d Σ_i Σ_{j≠i} C(z)_ij²
 *
 * Source: Bardes et al. 2022, arXiv:2105.04906, eq. 1 to 6 and algorithm 1. Published for ImageNet: ResNet-50 (with `zeroInitResidual`), batch 2048,
 * LARS, lr 0.2 · batch / 256, weight decay 1e-6, 1000 epochs, λ = μ = 25, ν = 1; views as BYOL's; projection of three layers of 8192, which is
 * `projectionHead({ layers: 3, batchNorm: 'hidden', hiddenFeatures: 8192, outFeatures: 8192 })`. Differs: s is the mean over the dimensions too, as in algorithm 1, where eq. 5 sums
 * over them; the authors' code halves v, which is `varianceWeight: 12.5`. With SGD
 * the same weights over 25 go with the usual rates.
 * @example
 * const head = projectionHead({ inFeatures: encoder.featureDim, layers: 3, batchNorm: 'hidden', hiddenFeatures: 2048, outFeatures: 2048 });
 * new Trainer({ encoder, head, augment: presets.byol({ size: 32 }), method: vicreg() });
 */
export const vicreg = defineMethod({
  name: 'vicreg',
  comparesBatch: true,
  isOfFeatures: true,
  views: [2, 2],
  options: table,
  refuse: (_, { batchSize = 2 }) => {
    if (batchSize < 2)
      throw new OptionError(
        `batchSize must be >= 2 for 'vicreg', which takes variances over a batch, got ${batchSize}`,
      );
  },
  make: (options, parts) => new Vicreg(options, parts),
});
