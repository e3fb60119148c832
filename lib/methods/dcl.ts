/** DCL: SimCLR without the positive in the denominator. */
import { dclwSpec } from '../losses/dcl.ts';
import { lossOptions } from '../losses/options.ts';
import { checkNames } from '../options/names.ts';
import type { OptionsOf, OptionTable } from '../options/option.ts';
import { resolveOptions } from '../options/resolve.ts';
import { expectBoolean } from '../validate.ts';
import { NamedLoss } from './named-loss.ts';
import { defineMethod } from './registry.ts';

const table = {
  ...dclwSpec,
  /** Weights the positives by how far apart they are, as `dclwLoss`; `sigma` and `weightGradient` are of these weights. Default false. */
  weighted: { type: 'boolean', default: false, help: 'weights positives by how far apart they are' },
} as const satisfies OptionTable;

export interface DclOptions extends OptionsOf<typeof table> {}

/** Options of the weights are none without them. */
function check(options: DclOptions): DclOptions {
  checkNames('dcl', options, Object.keys(table));
  const { weighted = false, ...loss } = options;
  expectBoolean('dcl.weighted', weighted);
  return { weighted, ...resolveOptions('dcl', weighted ? dclwSpec : lossOptions, loss, 'dcl.') };
}

/**
 * Decoupled contrastive learning: the positive is left out of the denominator, so that the gradient does not fade as it becomes
 * easy. For smaller batches than SimCLR's.
 *
 *     L_i = −z_i·z_j(i)/τ + log Σ_{n∈N(i)} exp(z_i·z_n/τ)
 *
 * Source: Yeh et al. 2022, arXiv:2110.06848, eq. 6; `weighted` is L_DCW, section 4.2. Published for CIFAR-10: ResNet-18, batch 32 to
 * 256, SGD, τ 0.07. Differs: τ is 0.1 by default; learning rates in this package's documentation are its own.
 * @example
 * new Trainer({ encoder, head, augment: presets.simclr({ size: 32 }), method: dcl(), batchSize: 64 });
 */
export const dcl = defineMethod({
  name: 'dcl',
  usesIds: true,
  comparesBatch: true,
  isOfFeatures: true,
  views: [2, Number.POSITIVE_INFINITY],
  options: table,
  check,
  make: ({ weighted, ...options }, parts) => new NamedLoss({ ...options, name: weighted ? 'dclw' : 'dcl' }, parts),
});
