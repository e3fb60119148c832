/** DCL: SimCLR without the positive in the denominator. */
import { expectBoolean } from '../validate.ts';
import type { DclLossSpec, DclwLossSpec } from './contrastive-loss.ts';
import { checkLossOptions, NamedLoss } from './named-loss.ts';
import { defineMethod } from './registry.ts';

export interface DclOptions extends Omit<DclwLossSpec, 'name'> {
  /** Weights the positives by how far apart they are, as `dclwLoss`; `sigma` and `weightGradient` are of these weights. Default false. */
  readonly weighted?: boolean;
}

const lossOf = ({ weighted, ...options }: DclOptions): DclLossSpec | DclwLossSpec =>
  weighted ? { name: 'dclw', ...options } : { name: 'dcl', ...options };

function check(options: DclOptions): DclOptions {
  const { weighted = false, ...loss } = options;
  expectBoolean('dcl.weighted', weighted);
  return { weighted, ...checkLossOptions<DclLossSpec | DclwLossSpec>('dcl', weighted ? 'dclw' : 'dcl', loss) };
}

/**
 * Decoupled contrastive learning: the positive is left out of the denominator, so that the gradient does not fade as it becomes
 * easy. For smaller batches than SimCLR's.
 *
 *     L_i = −z_i·z_j(i)/τ + log Σ_{n∈N(i)} exp(z_i·z_n/τ)
 *
 * Source: Yeh et al. 2022, arXiv:2110.06848, eq. 6; `weighted` is L_DCW, section 4.2. Published for CIFAR-10: ResNet-18, batch 32 to
 * 256, SGD, lr 0.03, τ 0.07. Differs: τ is 0.1 by default.
 * @example
 * new Trainer({ encoder, head, augment: presets.simclr({ size: 32 }), method: dcl(), batchSize: 64 });
 */
export const dcl = defineMethod({
  name: 'dcl',
  usesIds: true,
  comparesBatch: true,
  isOfFeatures: true,
  check,
  make: (options, parts) => new NamedLoss(lossOf(options), parts),
});
