/** The linear probe's classifiers, one for each learning rate, trained side by side in jobs that are over soon. */
import * as internal from '../tensor/internal-ops.ts';
import { noGrad, tidy } from '../tensor/modes.ts';
import * as ops from '../tensor/ops.ts';
import { type Tensor, tensor } from '../tensor/tensor.ts';
import { inTurn, type Part, partsOf, soonDone } from './in-turn.ts';
import { labelsBeside, ranksOf, readIndices } from './labelled.ts';

/** Multiplications in a job: 5 to 30 ms on one core. */
const jobWork = 2 ** 27;
/** Steps of a handful of values cost 50 microseconds whatever they compute. */
const maxSteps = 256;
const maxRows = 65_536;

export interface ProbeSettings {
  readonly classes: number;
  readonly epochs: number;
  /** Rows of a mini-batch. */
  readonly batch: number;
  readonly seed: number;
  readonly signal: AbortSignal | undefined;
  /** Hears how many steps a job did. */
  readonly onSteps: (steps: number) => void;
}

export const stepsOf = (rows: number, { epochs, batch }: Pick<ProbeSettings, 'epochs' | 'batch'>): number =>
  epochs * Math.ceil(rows / batch);

export interface ProbePredictions {
  /** The predicted classes, (rates, rows). */
  readonly classes: readonly Int32Array[];
  /** How many classes score higher than a row's own, (rates, rows). */
  readonly ranks: readonly Int32Array[];
}

/** Classifiers of standardised features. Disposing it frees them. */
export class Probe implements Disposable {
  /** (rates, classes, dim + 1): the last column is the bias. */
  readonly #weights: Tensor;
  /** (dim) */
  readonly #mean: Tensor;
  readonly #deviation: Tensor;

  private constructor(weights: Tensor, mean: Tensor, deviation: Tensor) {
    this.#weights = weights;
    this.#mean = mean;
    this.#deviation = deviation;
  }

  /** @param features floating (rows, dim). @param labels of each row, in [0, classes). */
  static async train(
    features: Tensor,
    labels: Int32Array,
    rates: readonly number[],
    settings: ProbeSettings,
  ): Promise<Probe> {
    const { classes, batch, seed, signal, onSteps } = settings;
    const [mean, deviation] = internal.probeScale(features);
    const inputs = internal.probeInputs(features, mean, deviation); // (rows, dim + 1)
    const [rows, columns] = inputs.shape as [number, number];
    const targets = labelsBeside(features, labels);
    const rateTensor = tensor(rates, { device: features.device });
    const zeros = (): Tensor => ops.zeros([rates.length, classes, columns], { device: features.device });
    let state = [zeros(), zeros()] as [Tensor, Tensor];
    const total = stepsOf(rows, settings);
    const advance = async ({ begin, size }: Part): Promise<number> => {
      const before = state;
      const range = { step: begin, count: size, total, batch, seed };
      state = internal.probeSteps(...before, inputs, targets, rateTensor, range);
      for (const part of before) part.dispose();
      await state[0].ready();
      return size;
    };
    const work = 2 * Math.min(batch, rows) * columns * rates.length * classes;
    try {
      for await (const steps of inTurn(partsOf(total, soonDone(work, jobWork, maxSteps)), advance, signal))
        onSteps(steps);
      return new Probe(state[0], mean, deviation);
    } catch (error) {
      for (const part of [state[0], mean, deviation]) part.dispose();
      throw error;
    } finally {
      for (const part of [state[1], inputs, targets, rateTensor]) part.dispose();
    }
  }

  /** @param labels of each row; −1 for a class that was not trained, which is never right. */
  async predict(features: Tensor, labels: Int32Array, signal: AbortSignal | undefined): Promise<ProbePredictions> {
    const [rates, classCount, columns] = this.#weights.shape as [number, number, number];
    const judge = ({ begin, size }: Part): Promise<{ classes: Int32Array; ranks: Int32Array }> =>
      tidy(async () => {
        const rows = noGrad(() => features.narrow(0, begin, size));
        const logits = internal.probeLogits(this.#weights, internal.probeInputs(rows, this.#mean, this.#deviation));
        const own = labelsBeside(features, labels.subarray(begin, begin + size)).clamp(0, classCount - 1);
        const flat = logits.reshape([rates * size, classCount]);
        const ranks = ranksOf(flat, ops.cat(new Array<Tensor>(rates).fill(own)));
        return { classes: await readIndices(logits.argmax(2)), ranks: await readIndices(ranks) };
      });
    const made = (): Int32Array[] => Array.from({ length: rates }, () => new Int32Array(labels.length));
    const predictions = { classes: made(), ranks: made() };
    const rowsAJob = soonDone(columns * rates * classCount, jobWork, maxRows);
    let done = 0;
    for await (const block of inTurn(partsOf(labels.length, rowsAJob), judge, signal)) {
      const size = block.classes.length / rates;
      for (const key of ['classes', 'ranks'] as const)
        for (const [rate, all] of predictions[key].entries())
          all.set(block[key].subarray(rate * size, (rate + 1) * size), done);
      done += size;
    }
    return predictions;
  }

  /** The first classifier for features as they are: weight (classes, dim) and bias (classes), row by row. */
  async coefficients(): Promise<{ weight: Float32Array; bias: Float32Array }> {
    return tidy(async () => {
      const first = this.#weights.select(0, 0);
      const dim = (this.#mean.shape as [number])[0];
      const weight = first.narrow(1, 0, dim).div(this.#deviation);
      const bias = first.select(1, dim).sub(weight.mul(this.#mean).sum(1));
      return { weight: (await weight.data()) as Float32Array, bias: (await bias.data()) as Float32Array };
    });
  }

  [Symbol.dispose](): void {
    for (const part of [this.#weights, this.#mean, this.#deviation]) part.dispose();
  }
}
