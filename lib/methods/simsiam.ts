/** SimSiam: a network predicts its own projection of another view, which has no gradient. No negatives, no teacher. */
import type { ProjectionHead } from '../encoders/projection-head.ts';
import type { OptionsOf, OptionTable, ResolvedOf } from '../options/option.ts';
import * as ops from '../tensor/ops.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { Method, type MethodBatch, type MethodParts, type MethodValue } from './method.ts';
import { dimOf } from './network.ts';
import { meanCosine, predictor, predictorWidth } from './predictor.ts';
import { defineMethod } from './registry.ts';

const table = {
  /** Width of the predictor's hidden layer. Default 512, a quarter of the published projection's 2048. */
  predictorFeatures: { ...predictorWidth, default: 512 },
} as const satisfies OptionTable;

export type SimsiamOptions = OptionsOf<typeof table>;

export class Simsiam extends Method {
  readonly predictor: ProjectionHead;

  constructor({ predictorFeatures }: ResolvedOf<typeof table>, parts: MethodParts) {
    super(parts);
    this.predictor = predictor(dimOf('simsiam', parts.student), predictorFeatures, parts);
  }

  override get isPure(): boolean {
    return true;
  }

  override loss({ views }: MethodBatch): MethodValue {
    const [z0, z1] = [0, 1].map((view) => this.student.forward(views.at(view))) as [Tensor, Tensor]; // (batch, dim)
    const [p0, p1] = [z0, z1].map((z) => this.student.run(() => this.predictor.forward(z))) as [Tensor, Tensor];
    const loss = meanCosine(p0, z1.detach()).add(meanCosine(p1, z0.detach())).mul(-0.5);
    return { loss, features: ops.stack([z0, z1], 1) };
  }
}

/**
 * Simple siamese learning: predictor p = h(z) of one view against the projection z of the other, without a gradient in z.
 *
 *     L = −½ cos(p_0, stopgrad(z_1)) − ½ cos(p_1, stopgrad(z_0))        mean over the batch
 *
 * Source: Chen & He 2021, arXiv:2011.10566, eq. 1 to 4. Published for ImageNet: ResNet-50 (with `zeroInitResidual`), batch 512, SGD,
 * lr 0.05 · batch / 256, weight decay 1e-4, views as MoCo v2's; projection of three layers of 2048 with batch normalisation, the last without scale,
 * which is `projectionHead({ layers: 3, batchNorm: 'all-but-scale', outFeatures: 2048 })`; for CIFAR-10 ResNet-18, two layers, lr 0.03, weight decay 5e-4. Differs: the rate of the
 * predictor falls with that of the rest, which the paper keeps.
 * @example
 * const head = projectionHead({ inFeatures: encoder.featureDim, batchNorm: 'all-but-scale', outFeatures: 2048 });
 * new Trainer({ encoder, head, augment: presets.mocoV2({ size: 32 }), method: simsiam() });
 */
export const simsiam = defineMethod({
  name: 'simsiam',
  views: [2, 2],
  options: table,
  refuse: (_, around) => void dimOf('simsiam', around),
  make: (options, parts) => new Simsiam(options, parts),
});
