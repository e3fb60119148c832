/** A linear classifier that learns beside the encoder. */
import type { OptionsOf, OptionTable } from '../options/option.ts';
import { resolveOptions } from '../options/resolve.ts';
import * as internal from '../tensor/internal-ops.ts';
import { noGrad, tidy } from '../tensor/modes.ts';
import * as ops from '../tensor/ops.ts';
import { type Tensor, tensor } from '../tensor/tensor.ts';
import type { FeatureMonitor, Figures, ObservedBatch } from '../train/monitors.ts';

const options = {
  /** Of SGD with momentum 0.9, constant. */
  learningRate: { type: 'number', above: 0, default: 1 },
} as const satisfies OptionTable;

export type OnlineProbeOptions = OptionsOf<typeof options>;

/** A step of a row of them that has no end, so that the cosine schedule of `probeSteps` stays at its beginning. */
const always = { step: 0, count: 1, total: Number.MAX_SAFE_INTEGER, seed: 0 } as const;

/** What the probe has learned, and how well it did since it was last asked. */
interface Learned {
  /** float32 (1, classes, dim + 1): the last column is the bias. */
  readonly weights: Tensor;
  readonly velocity: Tensor;
  /** int64 (): samples whose class was predicted. */
  readonly right: Tensor;
}

class OnlineProbe implements FeatureMonitor {
  readonly #rate: number;
  /** The row of a class among the weights, in the order in which classes were seen: memory follows their number, not the largest. */
  readonly #places = new Map<number, number>();
  #learned: Learned | undefined;
  #seen = 0;
  /** The newest figures: two steps are enqueued at a time, so that none may have come since. */
  #said: Figures = {};

  constructor(rate: number) {
    this.#rate = rate;
  }

  observe({ queued, labels }: ObservedBatch): void {
    if (labels === undefined) return;
    this.#keep(tidy(() => noGrad(() => this.#learn(queued, labels))));
    this.#seen += labels.length;
  }

  #learn(x: Tensor, labels: Int32Array): Learned {
    const [rows, dim] = x.shape as [number, number];
    const { device } = x;
    const targets = tensor(
      labels.map((label) => this.#placeOf(label)),
      { dtype: 'int64', device },
    );
    const { weights, velocity, right } = this.#fitting(this.#places.size, dim, device);
    const [mean, deviation] = internal.probeScale(x);
    const inputs = internal.probeInputs(x, mean, deviation.mul(Math.sqrt(dim)));
    const predicted = internal.probeLogits(weights, inputs).select(0, 0).argmax(1);
    const rate = tensor([this.#rate], { device });
    const after = internal.probeSteps(weights, velocity, inputs, targets, rate, { ...always, batch: rows });
    return { weights: after[0], velocity: after[1], right: right.add(predicted.eq(targets).sum()) };
  }

  #placeOf(label: number): number {
    const place = this.#places.get(label) ?? this.#places.size;
    this.#places.set(label, place);
    return place;
  }

  /** What was learned, with room for so many classes at least: those that were never seen have weights of zero. */
  #fitting(classes: number, dim: number, device: string): Learned {
    const zeros = (count: number): Tensor => ops.zeros([1, count, dim + 1], { device });
    const before = this.#learned;
    if (before === undefined)
      return { weights: zeros(classes), velocity: zeros(classes), right: ops.zeros([], { dtype: 'int64', device }) };
    const { weights, velocity, right } = before;
    const missing = classes - (weights.shape[1] as number);
    if (missing <= 0) return before;
    return { weights: ops.cat([weights, zeros(missing)], 1), velocity: ops.cat([velocity, zeros(missing)], 1), right };
  }

  #keep(learned: Learned | undefined): void {
    for (const part of Object.values(this.#learned ?? {})) part.dispose();
    this.#learned = learned;
  }

  async figures(): Promise<Figures> {
    if (this.#learned === undefined || this.#seen === 0) return this.#said;
    const { right, ...others } = this.#learned;
    const seen = this.#seen;
    this.#seen = 0;
    this.#learned = { ...others, right: ops.zerosLike(right) };
    using counted = right;
    this.#said = { probeTop1: Number(await counted.item()) / seen };
    return this.#said;
  }

  [Symbol.dispose](): void {
    this.#keep(undefined);
    this.#places.clear();
    this.#seen = 0;
    this.#said = {};
  }
}

/**
 * A linear probe that learns along with the encoder, from the newest batch of the queue that monitors share, without a gradient into
 * the encoder. Figure `probeTop1`: the share of the samples since it was last asked whose class was predicted, each before the probe
 * learned from it, 0 to 1; nothing without labels. It lags behind a probe on frozen features, and its images are augmented and
 * trained on: it tells whether a training gets better, not how good it is.
 *
 * Per step x̂ = (x − mean) / (√dim · deviation) of the batch's first view, softmax regression with bias, one step of SGD with
 * momentum 0.9 and a constant rate.
 *
 * @throws {OptionError} an unknown option, or a value out of range.
 */
export function onlineProbe(given: OnlineProbeOptions = {}): FeatureMonitor {
  return new OnlineProbe(resolveOptions('onlineProbe', options, given).learningRate);
}
