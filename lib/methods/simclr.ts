/** SimCLR: views of one image attract each other, those of other images repel. */
import { ntXentSpec } from '../losses/nt-xent.ts';
import type { OptionsOf } from '../options/option.ts';
import { NamedLoss } from './named-loss.ts';
import { defineMethod } from './registry.ts';

/** The options mean what they mean to `ntXentLoss`; the temperature may be a ramp. */
export type SimclrOptions = OptionsOf<typeof ntXentSpec>;

/**
 * SimCLR, with the loss NT-Xent over all views of a batch:
 *
 *     L_i = −log( exp(z_i·z_j(i)/τ) / Σ_{a≠i} exp(z_i·z_a/τ) )
 *
 * Source: Chen et al. 2020, arXiv:2002.05709, eq. 1. Published for CIFAR-10 (appendix B.9): ResNet-50, batch 256 to 4096, LARS,
 * lr 1.0, τ 0.5, weight decay 1e-6, crops and colour jitter of strength 0.5 without blur. Differs: τ is 0.1 by default; batch normalisation
 * takes its statistics over both views at once, as in the authors' code.
 *
 * It compares the samples of a batch, so that it wants hundreds of them, or `microBatch`.
 * @example
 * new Trainer({ encoder, head, augment: presets.simclr({ size: 32 }), method: simclr({ temperature: 0.5 }) });
 */
export const simclr = defineMethod({
  name: 'simclr',
  usesIds: true,
  comparesBatch: true,
  isOfFeatures: true,
  views: [2, Number.POSITIVE_INFINITY],
  options: ntXentSpec,
  make: (options, parts) => new NamedLoss({ ...options, name: 'nt-xent' }, parts),
});
