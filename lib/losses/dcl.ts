/** Decoupled contrastive losses. */
import type { OptionsOf, OptionTable } from '../options/option.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { contrastiveLoss } from './contrastive-loss.ts';
import { batchOptions, type ContrastiveLossOptions, contrastiveOptions, lossOptions } from './options.ts';
import { againstBank, defineLoss } from './registry.ts';

const preset = { minViews: 2, denominators: 'negatives' } as const;

/** Its options as plain data. */
export const dclwSpec = {
  ...lossOptions,
  /** σ > 0 of the weights of the positives, unitless; default 0.5. */
  sigma: { type: 'number', default: 0.5, above: 0, value: 'S', help: 'σ of the weights of the positives' },
  /** Whether the weights have a gradient, as in the authors' code; default false, as in lightly. */
  weightGradient: { type: 'boolean', default: false, help: 'the weights of the positives have a gradient' },
} as const satisfies OptionTable;

export const dclwOptions = { ...dclwSpec, ...batchOptions } as const satisfies OptionTable;
export interface DclwLossOptions extends OptionsOf<typeof dclwOptions> {}

export type DclLossSpec = { readonly name: 'dcl' } & OptionsOf<typeof lossOptions>;
export type DclwLossSpec = { readonly name: 'dclw' } & OptionsOf<typeof dclwSpec>;

/**
 * Decoupled contrastive loss, mean over all views of all samples: NT-Xent whose denominator holds the negatives only.
 *
 *     L_i = −s_ij(i) + log Σ_n exp(s_in),   s_ia = z_i·z_a/τ
 *
 * j(i) is the other view of the sample of i, n runs over all views of all other samples. With more than two views, or a
 * bank that holds the sample, the positive term is the mean over them. It may be negative. An anchor without a negative,
 * as in a batch of one, is left out of the mean; with no other anchor the loss is 0.
 *
 * Source: Yeh et al. 2022, arXiv:2110.06848, eq. 6. lightly has the same from 1.5.21 on; up to 1.5.20 it added a
 * logarithm for the negatives of each view, which is larger by about the logarithm of the negatives of one view.
 *
 * @param features floating (batch, views ≥ 2, dim); L2-normalised inside unless `normalize: false`.
 * @returns scalar (), differentiable in features and, where it is a tensor, in temperature; precision as supConLoss.
 * @throws as ntXentLoss.
 * @example
 * const loss = dclLoss(features, { temperature: 0.1 });
 */
export function dclLoss(features: Tensor, options: ContrastiveLossOptions = {}): Tensor {
  return contrastiveLoss('dclLoss', features, contrastiveOptions, options, preset).loss;
}

/**
 * As dclLoss with weighted positives: a pair that lies apart counts more.
 *
 *     L_i = −w_i s_ij(i) + log Σ_n exp(s_in),   w_i = 2 − exp(z_i·z_j(i)/σ) / mean_k exp(z_k·z_j(k)/σ)
 *
 * The negative von Mises-Fisher weights are taken over all positive pairs, of the bank and of more than two views too; their
 * mean is 1. They have no gradient, as in lightly; with `weightGradient` they have one, as in the authors' code.
 *
 * Source: Yeh et al. 2022, arXiv:2110.06848, L_DCW, which leaves the gradient of the weights open.
 *
 * @param features as dclLoss.
 * @returns as dclLoss.
 * @throws as ntXentLoss.
 * @example
 * const loss = dclwLoss(features, { temperature: 0.1, sigma: 0.5 });
 */
export function dclwLoss(features: Tensor, options: DclwLossOptions = {}): Tensor {
  return contrastiveLoss('dclwLoss', features, dclwOptions, options, preset).loss;
}

defineLoss({
  name: 'dcl',
  asFunction: dclLoss,
  options: lossOptions,
  loss: (features, options, batch) => dclLoss(features, { ...options, ...againstBank(batch) }),
});

defineLoss({
  name: 'dclw',
  asFunction: dclwLoss,
  options: dclwSpec,
  loss: (features, options, batch) => dclwLoss(features, { ...options, ...againstBank(batch) }),
});
