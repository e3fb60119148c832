/** MoCo v3: predictions of one view against the keys that a slowly moving copy made of the others in the batch. No queue. */
import type { ProjectionHead } from '../encoders/projection-head.ts';
import { lossOptions } from '../losses/options.ts';
import type { OptionsOf, OptionTable, ResolvedOf } from '../options/option.ts';
import { type Ramp, rampAt } from '../options/ramp.ts';
import * as internal from '../tensor/internal-ops.ts';
import * as ops from '../tensor/ops.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { Method, type MethodBatch, type MethodParts, type MethodValue, type Targets } from './method.ts';
import { dimOf, expectModules } from './network.ts';
import { predictor, predictorWidth } from './predictor.ts';
import { defineMethod } from './registry.ts';
import { Teacher, teacherMomentum } from './teacher.ts';

const table = {
  /** τ > 0; a number, or how it changes over the training. Default 0.2. */
  temperature: { ...lossOptions.temperature, default: 0.2 },
  /** m in [0, 1]: the part of each key parameter that stays at a step. Default: from 0.99 to 1 along half a cosine. */
  momentum: { ...teacherMomentum, default: { from: 0.99, to: 1, schedule: 'cosine' } },
  /** Width of the predictor's hidden layer. Default 4096. */
  predictorFeatures: { ...predictorWidth, default: 4096 },
} as const satisfies OptionTable;

export type MocoV3Options = OptionsOf<typeof table>;
type Resolved = ResolvedOf<typeof table>;

interface MocoV3Numbers {
  /** τ */
  readonly temperature: number;
  /** m */
  readonly momentum: number;
}

export class MocoV3 extends Method<MocoV3Numbers> {
  readonly predictor: ProjectionHead;
  readonly teacher: Teacher;
  readonly #temperature: number | Ramp;
  readonly #momentum: number | Ramp;

  constructor({ temperature, momentum, predictorFeatures }: Resolved, parts: MethodParts) {
    super(parts);
    this.#temperature = temperature;
    this.#momentum = momentum;
    this.predictor = predictor(dimOf('moco-v3', parts.student), predictorFeatures, parts, 'all-but-scale');
    this.teacher = new Teacher(parts.student);
  }

  override get isPure(): boolean {
    return true;
  }

  override numbersAt(progress: number): MocoV3Numbers {
    return { temperature: rampAt(this.#temperature, progress), momentum: rampAt(this.#momentum, progress) };
  }

  override loss({ views, numbers: { temperature } }: MethodBatch<MocoV3Numbers>): MethodValue {
    const both = [views.at(0), views.at(1)] as const;
    const predict = (z: Tensor): Tensor => this.student.run(() => this.predictor.forward(z));
    const [q0, q1] = both.map((view) => predict(this.student.forward(view))) as [Tensor, Tensor]; // (batch, dim)
    const [k0, k1] = both.map((view) => this.teacher.forward(view)) as [Tensor, Tensor];
    const loss = contrast(q0, k1, temperature).add(contrast(q1, k0, temperature));
    return { loss, features: ops.stack([q0, k1], 1) };
  }

  /** Of queries and the batch's keys: `top1` is the part of the queries whose nearest key is their own. */
  override metrics({ features }: MethodValue, { ids }: Targets<MocoV3Numbers>): Tensor {
    const pairs = features.detach();
    return internal.queryMetrics(pairs, ids, { bank: pairs.select(1, 1), bankIds: ids });
  }

  override afterUpdate(_: MethodValue, { numbers }: Targets<MocoV3Numbers>, status: Tensor): Tensor {
    return this.teacher.follow(numbers.momentum, status);
  }
}

/** 2τ times the mean cross entropy of queries (batch, dim), each to find its own among the keys (batch, dim). */
function contrast(queries: Tensor, keys: Tensor, temperature: Tensor): Tensor {
  const logits = ops.normalize(queries).matmul(ops.normalize(keys).transpose(0, 1)).div(temperature);
  const own = ops.arange(queries.shape[0] as number, { dtype: 'int64', device: queries.device });
  return ops.crossEntropyLoss(logits, own).mul(temperature).mul(2);
}

/**
 * MoCo v3. Queries q come from a predictor on top of the network, keys k from a copy of the network that follows; a query is compared
 * with the keys of its batch, so that batches must be large.
 *
 *     L = ctr(q_0, k_1) + ctr(q_1, k_0),    ctr(q, k) = −2τ · mean_i log( exp(q_i·k_i/τ) / Σ_j exp(q_i·k_j/τ) )
 *     θ_k ← m θ_k + (1 − m) θ_q        after each step, m from 0.99 to 1 along half a cosine
 *
 * Source: Chen et al. 2021, arXiv:2104.02057, eq. 1 and algorithm 1. Published for ImageNet, batch 4096, views as BYOL's: ViT-S and
 * ViT-B with AdamW, lr 1.5e-4 · batch / 256, weight decay 0.1, 40 epochs of warm-up, 300 epochs, τ 0.2; ResNet-50 (with `zeroInitResidual`) with LARS, lr 0.6 · batch /
 * 256 in 100 epochs, weight decay 1e-6, τ 1. The projection has three layers for a ViT, two for a ResNet: `projectionHead({ layers: 3,
 * batchNorm: 'all-but-scale', hiddenFeatures: 4096, outFeatures: 256 })`. Differs: nothing in the loss; the prediction ends
 * in batch normalisation, as the authors' for a ViT, where theirs for a ResNet has none. Training of a ViT is steadier
 * when its patch projection stays as it began, and its positions are fixed (section 4.1):
 * `for (const parameter of encoder.convProj.parameters()) parameter.requiresGrad = false`, `positions: 'sincos'`.
 * @example
 * const encoder = vitTi16({ size: 32, patch: 4, positions: 'sincos' });
 * const head = projectionHead({ inFeatures: encoder.featureDim, layers: 3, batchNorm: 'all-but-scale', outFeatures: 256 });
 * new Trainer({ encoder, head, augment: presets.byol({ size: 32 }), method: mocoV3({ predictorFeatures: 1024 }) });
 */
export const mocoV3 = defineMethod({
  name: 'moco-v3',
  comparesBatch: true,
  views: [2, 2],
  options: table,
  refuse: (_, around) => {
    expectModules('moco-v3', around);
    dimOf('moco-v3', around);
  },
  make: (options, parts) => new MocoV3(options, parts),
});
