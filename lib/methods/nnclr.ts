/** NNCLR: the nearest neighbour of one view, among vectors of earlier batches, attracts the other view. */
import type { ProjectionHead } from '../encoders/projection-head.ts';
import type { KeyBank } from '../losses/all.ts';
import { lossOptions } from '../losses/options.ts';
import type { Module } from '../nn/module.ts';
import type { OptionsOf, OptionTable, ResolvedOf } from '../options/option.ts';
import { type Ramp, rampAt } from '../options/ramp.ts';
import { noGrad } from '../tensor/modes.ts';
import * as ops from '../tensor/ops.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { expectHoldsStep, KeyQueue, queueOption } from './key-queue.ts';
import { Method, type MethodBatch, type MethodParts, type MethodValue, type Targets } from './method.ts';
import { dimOf } from './network.ts';
import { predictor, predictorWidth } from './predictor.ts';
import { type Around, defineMethod } from './registry.ts';

const table = {
  /** τ > 0, or how it changes over a training. Default 0.1. */
  temperature: lossOptions.temperature,
  /** Vectors of earlier batches among which neighbours are searched, at least a batch. Default 16384. */
  queueSize: { ...queueOption, default: 16_384, help: 'vectors in the queue' },
  /** Width of the predictor's hidden layer. Default 4096. */
  predictorFeatures: { ...predictorWidth, default: 4096 },
} as const satisfies OptionTable;

export type NnclrOptions = OptionsOf<typeof table>;
type Resolved = ResolvedOf<typeof table>;

interface NnclrNumbers {
  /** τ */
  readonly temperature: number;
}

interface NnclrValue extends MethodValue {
  /** float32 (batch, dim), of length one, without a gradient: what the queue takes. */
  readonly keys: Tensor;
}

export class Nnclr extends Method<NnclrNumbers, NnclrValue> {
  readonly predictor: ProjectionHead;
  readonly #queue: KeyQueue;
  readonly #temperature: number | Ramp;

  constructor({ temperature, queueSize, predictorFeatures }: Resolved, parts: MethodParts) {
    super(parts);
    const { device, seed } = parts;
    const dim = dimOf('nnclr', parts.student);
    this.#temperature = temperature;
    this.predictor = predictor(dim, predictorFeatures, parts);
    this.#queue = new KeyQueue(this, { size: queueSize, dim, device, seed });
  }

  override get isPure(): boolean {
    return true;
  }

  override get movedModules(): readonly Module[] {
    return [this.predictor];
  }

  override numbersAt(progress: number): NnclrNumbers {
    return { temperature: rampAt(this.#temperature, progress) };
  }

  override loss({ views, numbers: { temperature } }: MethodBatch<NnclrNumbers>): NnclrValue {
    const features = this.student.featuresByView(views);
    const [z0, z1] = features.unbind(1) as [Tensor, Tensor]; // (batch, dim)
    const [p0, p1] = [z0, z1].map((z) => this.student.run(() => this.predictor.forward(z))) as [Tensor, Tensor];
    const keys = ops.normalize(z0.detach());
    const loss = contrast(this.#nearest(keys), p1, temperature)
      .add(contrast(this.#nearest(ops.normalize(z1.detach())), p0, temperature))
      .div(2);
    return { loss, features, keys };
  }

  /** The row of the queue that is nearest to each row of z, both of length one. (batch, dim) */
  #nearest(z: Tensor): Tensor {
    const { features: queue } = this.#queue.bank(false) as KeyBank; // never empty
    return noGrad(() => queue.indexSelect(0, z.matmul(queue.t()).argmax(1)));
  }

  override afterUpdate({ keys }: NnclrValue, { ids }: Targets<NnclrNumbers>, status: Tensor): Tensor {
    return this.#queue.push(keys, { labels: undefined, ids }, status);
  }
}

/** −log softmax of neighbours · predictions / τ over the predictions of the batch, at the own one; mean over the batch. */
function contrast(neighbours: Tensor, predictions: Tensor, temperature: Tensor): Tensor {
  const logits = neighbours.matmul(ops.normalize(predictions).t()).div(temperature); // (batch, batch)
  return logits.logSoftmax(1).diagonal().mean().neg();
}

/** @throws {OptionError} vectors of an unknown length, or a queue that does not hold a batch. */
function refuse({ queueSize }: Resolved, around: Around): void {
  dimOf('nnclr', around);
  expectHoldsStep('nnclr.queueSize', queueSize, around.batchSize ?? 1);
}

/**
 * Nearest-neighbour contrastive learning. Projections z and predictions p = h(z) of two views, all of length one; Q, a queue of
 * projections of earlier batches; NN(z), the row of Q that is nearest to z:
 *
 *     L(z, p') = −1/n Σ_i log( exp(NN(z_i)·p'_i/τ) / Σ_k exp(NN(z_i)·p'_k/τ) )
 *     L = ½ L(z, p') + ½ L(z', p)        then z takes the place of the oldest in Q
 *
 * Source: Dwibedi et al. 2021, arXiv:2104.14548, eq. 3 and 4 and algorithm 1. Published for ImageNet: ResNet-50, batch 4096, LARS, lr 0.3 · batch /
 * 256, weight decay 1e-6, 1000 epochs, τ 0.1, 98 304 vectors; projection of three layers of 2048, 2048 and 256 with batch normalisation, which is
 * `projectionHead({ layers: 3, batchNorm: 'all', hiddenFeatures: 2048, outFeatures: 256 })`, prediction Linear(4096) – BN – ReLU – Linear(256).
 * Differs: a smaller queue by default.
 * @example
 * const head = projectionHead({ inFeatures: encoder.featureDim, layers: 3, batchNorm: 'all', hiddenFeatures: 512, outFeatures: 128 });
 * new Trainer({ encoder, head, augment: presets.simclr({ size: 32 }), method: nnclr({ queueSize: 4096 }) });
 */
export const nnclr = defineMethod({
  name: 'nnclr',
  comparesBatch: true,
  views: [2, 2],
  options: table,
  refuse,
  make: (options, parts) => new Nnclr(options, parts),
});
