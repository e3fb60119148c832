/** BYOL: a network predicts what a slowly moving copy of it makes of another view. No negatives. */
import type { ProjectionHead } from '../encoders/projection-head.ts';
import type { OptionsOf, OptionTable, ResolvedOf } from '../options/option.ts';
import { type Ramp, rampAt } from '../options/ramp.ts';
import * as ops from '../tensor/ops.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { Method, type MethodBatch, type MethodParts, type MethodValue, type Targets } from './method.ts';
import { dimOf, expectModules } from './network.ts';
import { meanCosine, predictor, predictorWidth } from './predictor.ts';
import { defineMethod } from './registry.ts';
import { Teacher, teacherMomentum } from './teacher.ts';

const table = {
  /** m in [0, 1]: the part of each target parameter that stays at a step. Default: from 0.996 to 1 along half a cosine. */
  momentum: { ...teacherMomentum, default: { from: 0.996, to: 1, schedule: 'cosine' } },
  /** Width of the predictor's hidden layer. Default 4096. */
  predictorFeatures: { ...predictorWidth, default: 4096 },
} as const satisfies OptionTable;

export type ByolOptions = OptionsOf<typeof table>;
type Resolved = ResolvedOf<typeof table>;

interface ByolNumbers {
  /** m */
  readonly momentum: number;
}

export class Byol extends Method<ByolNumbers> {
  readonly predictor: ProjectionHead;
  readonly teacher: Teacher;
  readonly #momentum: number | Ramp;

  constructor({ momentum, predictorFeatures }: Resolved, parts: MethodParts) {
    super(parts);
    this.#momentum = momentum;
    this.predictor = predictor(dimOf('byol', parts.student), predictorFeatures, parts);
    this.teacher = new Teacher(parts.student);
  }

  override get isPure(): boolean {
    return true;
  }

  override numbersAt(progress: number): ByolNumbers {
    return { momentum: rampAt(this.#momentum, progress) };
  }

  override loss({ views }: MethodBatch<ByolNumbers>): MethodValue {
    const both = [views.at(0), views.at(1)] as const;
    const [z0, z1] = both.map((view) => this.student.forward(view)) as [Tensor, Tensor]; // (batch, dim)
    const [q0, q1] = [z0, z1].map((z) => this.student.run(() => this.predictor.forward(z))) as [Tensor, Tensor];
    const [t0, t1] = both.map((view) => this.teacher.forward(view)) as [Tensor, Tensor];
    const loss = meanCosine(q0, t1).add(meanCosine(q1, t0)).mul(-2).add(4);
    return { loss, features: ops.stack([z0, z1], 1) };
  }

  override afterUpdate(_: MethodValue, { numbers }: Targets<ByolNumbers>, status: Tensor): Tensor {
    return this.teacher.follow(numbers.momentum, status);
  }
}

/**
 * Bootstrap your own latent. Online network with a predictor q on top of its projection z; target network ξ, a copy that follows:
 *
 *     L = ‖q̄(z_0) − z̄'_1‖² + ‖q̄(z_1) − z̄'_0‖² = 4 − 2 cos(q(z_0), z'_1) − 2 cos(q(z_1), z'_0)        mean over the batch
 *     ξ ← m ξ + (1 − m) θ        after each step, m from 0.996 to 1 along half a cosine
 *
 * Source: Grill et al. 2020, arXiv:2006.07733, eq. 2 and section 3.1. Published for ImageNet: ResNet-50 (with `zeroInitResidual`), batch 4096,
 * LARS, lr 0.2 · batch / 256, weight decay 1.5e-6, 1000 epochs; projection and predictor Linear(4096) – BN – ReLU – Linear(256), which is
 * `projectionHead({ batchNorm: 'hidden', hiddenFeatures: 4096, outFeatures: 256 })`. Differs: nothing in the loss; each view is a pass of its
 * own, with its own statistics, as in the authors' code. The encoder that a run saves is the online one.
 * @example
 * const head = projectionHead({ inFeatures: encoder.featureDim, batchNorm: 'hidden', hiddenFeatures: 1024, outFeatures: 256 });
 * new Trainer({ encoder, head, augment: presets.byol({ size: 32 }), method: byol() });
 */
export const byol = defineMethod({
  name: 'byol',
  views: [2, 2],
  options: table,
  refuse: (_, around) => {
    expectModules('byol', around);
    dimOf('byol', around);
  },
  make: (options, parts) => new Byol(options, parts),
});
