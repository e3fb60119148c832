/** SupCon: images of one class attract each other. */
import { supConSpec } from '../losses/sup-con.ts';
import type { OptionsOf } from '../options/option.ts';
import { NamedLoss } from './named-loss.ts';
import { defineMethod } from './registry.ts';

/** The options mean what they mean to `supConLoss`; the temperature may be a ramp. */
export type SupconOptions = OptionsOf<typeof supConSpec>;

/**
 * Supervised contrastive learning: all views of all samples of a class are positives.
 *
 *     L_i = −1/|P(i)| Σ_{p∈P(i)} log( exp(z_i·z_p/τ) / Σ_{a≠i} exp(z_i·z_a/τ) )
 *
 * Source: Khosla et al. 2020, arXiv:2004.11362, eq. 2; `variant: 'in'` is eq. 3. Published for CIFAR-10 (the authors' code, SupContrast):
 * ResNet-50, batch 1024, SGD with momentum 0.9, lr 0.5, weight decay 1e-4, τ 0.1, 1000 epochs. Differs: the loss is not multiplied by
 * τ/0.07, which `lossScale` does; an anchor without a positive is left out of the mean.
 * @example
 * new Trainer({ encoder, head, augment: presets.supcon({ size: 32 }), method: supcon({ temperature: 0.1 }) });
 */
export const supcon = defineMethod({
  name: 'supcon',
  labels: 'required',
  usesIds: true,
  comparesBatch: true,
  isOfFeatures: true,
  options: supConSpec,
  make: (options, parts) => new NamedLoss({ ...options, name: 'supcon' }, parts),
});
