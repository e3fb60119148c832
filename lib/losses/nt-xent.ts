/** Self-supervised contrastive loss. */
import type { OptionsOf, OptionTable } from '../options/option.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { contrastiveLoss } from './contrastive-loss.ts';
import { batchOptions, hardNegatives, lossOptions } from './options.ts';
import { againstBank, defineLoss } from './registry.ts';

/** Its options as plain data. */
export const ntXentSpec = {
  ...lossOptions,
  /** Weights negatives by their nearness, and corrects for those of them that are of the anchor's class. */
  hardNegatives,
} as const satisfies OptionTable;

export const ntXentOptions = { ...ntXentSpec, ...batchOptions } as const satisfies OptionTable;
export interface NtXentLossOptions extends OptionsOf<typeof ntXentOptions> {}

export type NtXentLossSpec = { readonly name: 'nt-xent' } & OptionsOf<typeof ntXentSpec>;

/**
 * Normalised temperature-scaled cross entropy (NT-Xent), mean over all views of all samples.
 *
 *     L_i = −log( exp(s_ij(i)) / Σ_{a≠i} exp(s_ia) ),   s_ia = z_i·z_a/τ
 *
 * j(i) is the other view of the sample of i; with more than two views, or a bank that holds the sample, the mean over
 * them.
 *
 * Source: Chen et al. 2020, arXiv:2002.05709, eq. 1; more views: Khosla et al. 2020, arXiv:2004.11362, eq. 2. Differs:
 * google-research/simclr's value is twice this mean (`lossScale: 2`).
 *
 * With `hardNegatives`, the M negatives n of an anchor stand in the denominator as
 *
 *     G_i = max( (R − τ⁺ M mean_p exp(s_ip)) / (1 − τ⁺), M exp(−1/τ) ),  R = M Σ_n exp((1+β) s_in) / Σ_n exp(β s_in)
 *
 * beside the positives p. The weights have a gradient; where the maximum is M exp(−1/τ), G_i has one in τ only. Without
 * a class prior there is no maximum. Source: Robinson et al. 2021, arXiv:2010.04592, and its code; τ⁺: Chuang et al. 2020,
 * arXiv:2007.00224, sec. 4, whose limit takes features of length 1 for granted.
 *
 * @param features floating (batch, views ≥ 2, dim); L2-normalised inside unless `normalize: false`.
 * @returns scalar (), differentiable in features and, where it is a tensor, in temperature; precision as supConLoss.
 * @throws {OptionError} an unknown option, a value out of range, ids without bank.ids or the reverse.
 * @throws {ShapeError} features not 3-D, or of one view; ids not (batch); a bank not (bank, dim) with ids (bank).
 * @throws {DTypeError} features not floating, ids not integers.
 * @throws {DeviceError} tensors on different devices.
 * @example
 * const loss = ntXentLoss(features, { temperature: 0.5, hardNegatives: { concentration: 1, classPrior: 0.1 } });
 */
export function ntXentLoss(features: Tensor, options: NtXentLossOptions = {}): Tensor {
  return contrastiveLoss('ntXentLoss', features, ntXentOptions, options, { minViews: 2 }).loss;
}

defineLoss({
  name: 'nt-xent',
  asFunction: ntXentLoss,
  options: ntXentSpec,
  loss: (features, options, batch) => ntXentLoss(features, { ...options, ...againstBank(batch) }),
});
