/** SwAV: views are assigned to prototypes, evenly over the batch, and each view predicts the assignments of the others. */

import { lossOptions } from '../losses/options.ts';
import { temperatureRange } from '../options/kinds.ts';
import type { OptionsOf, OptionTable, ResolvedOf } from '../options/option.ts';
import { rampAt } from '../options/ramp.ts';
import { noGrad } from '../tensor/modes.ts';
import * as ops from '../tensor/ops.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { Method, type MethodBatch, type MethodParts, type MethodValue } from './method.ts';
import { dimOf } from './network.ts';
import { Prototypes, swappedPrediction } from './prototypes.ts';
import { defineMethod } from './registry.ts';

const table = {
  /** K: how many there are. Default 3000. */
  prototypes: { type: 'number', min: 2, max: 2 ** 24, integer: true, default: 3000, help: 'prototypes' },
  /** τ > 0 of the predictions, or how it changes over a training. Default 0.1. */
  temperature: lossOptions.temperature,
  /** ε > 0: how soft the assignments are. Default 0.05; less where the loss stays at ln K. */
  epsilon: { type: 'number', ...temperatureRange, default: 0.05, help: 'how soft the assignments are' },
  /** Of the Sinkhorn-Knopp algorithm. Default 3. */
  iterations: { type: 'number', min: 1, max: 1000, integer: true, default: 3, help: 'that make assignments even' },
} as const satisfies OptionTable;

export type SwavOptions = OptionsOf<typeof table>;
type Resolved = ResolvedOf<typeof table>;

interface SwavNumbers {
  /** τ */
  readonly temperature: number;
}

export class Swav extends Method<SwavNumbers> {
  readonly prototypes: Prototypes;
  readonly #options: Resolved;

  constructor(options: Resolved, parts: MethodParts) {
    super(parts);
    this.#options = options;
    this.prototypes = new Prototypes(options.prototypes, dimOf('swav', parts.student), parts.seed).to(parts.device);
  }

  override get isPure(): boolean {
    return true;
  }

  override numbersAt(progress: number): SwavNumbers {
    return { temperature: rampAt(this.#options.temperature, progress) };
  }

  override loss({ views, numbers: { temperature } }: MethodBatch<SwavNumbers>): MethodValue {
    const features = this.student.features(views); // (batch, views, dim)
    const scores = this.student.run(() => this.prototypes.forward(features)); // (batch, views, prototypes)
    const { globalNumbers } = views;
    const targets = noGrad(() =>
      ops.stack(
        globalNumbers.map((view) => this.#assign(scores.select(1, view))),
        1,
      ),
    );
    return { loss: swappedPrediction(targets, globalNumbers, scores.div(temperature)), features };
  }

  /**
   * The part of each sample that belongs to each prototype, so that all prototypes have about as much of the batch.
   * @param scores float32 (batch, prototypes); as what is returned.
   */
  #assign(scores: Tensor): Tensor {
    const { epsilon, iterations } = this.#options;
    let q = scores.div(epsilon); // as logarithms, which do not overflow
    for (let i = 0; i < iterations; i++) for (const dim of [0, 1]) q = q.sub(q.logsumexp(dim, true)); // each prototype's column, then each sample's row
    return q.exp();
  }
}

/**
 * Swapping assignments between views. z, the projections of all views, of length one; C, the prototypes, of length one; q, the
 * assignments of the views that are as large as the first, by Sinkhorn-Knopp over the batch: the rows of exp(z Cᵀ/ε) and its
 * columns are brought to equal sums in turn. Each view predicts the assignment of the others:
 *
 *     L = mean over large views t and views s ≠ t of −1/n Σ_i Σ_k q_tik log softmax_k(z_si·c_k/τ)
 *
 * Source: Caron et al. 2020, arXiv:2006.09882, eq. 2 to 5. Published for ImageNet: ResNet-50, batch 4096, LARS, lr 0.3 · batch / 256 with
 * a cosine, weight decay 1e-6, 400 to 800 epochs, views 2×224 + 6×96 (`presets.swav`), 3000 prototypes, τ 0.1, ε 0.05; projection Linear(2048) – BN –
 * ReLU – Linear(128), which is `projectionHead({ batchNorm: 'hidden', hiddenFeatures: 2048, outFeatures: 128 })`. Differs: the length of
 * the prototypes is divided out in the loss, instead of set to one after each step, and they learn from the first step on, not from
 * the second epoch; no queue of earlier features, which the authors take for batches of 256 and less: small batches want few
 * prototypes, as 128 for 64 samples.
 *
 * Where the loss stays at ln K, a smaller ε mends it, as 0.02: assignments are too soft to tell samples apart, and training makes features
 * worse. Cosines with prototypes that are still random differ between samples by little, about 0.07 in 128 dimensions, so that an ε
 * of 0.05 spreads a sample over half the prototypes.
 * @example
 * const head = projectionHead({ inFeatures: encoder.featureDim, batchNorm: 'hidden', hiddenFeatures: 512, outFeatures: 128 });
 * new Trainer({ encoder, head, augment: presets.swav({ size: 32 }), method: swav({ prototypes: 256 }) });
 */
export const swav = defineMethod({
  name: 'swav',
  comparesBatch: true,
  views: [2, Number.POSITIVE_INFINITY],
  options: table,
  refuse: (_, around) => void dimOf('swav', around),
  make: (options, parts) => new Swav(options, parts),
});
