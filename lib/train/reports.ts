/** What a run says of its steps: counts, rates, and what to be warned of. */
import { NonFiniteLossError } from '../errors.ts';
import { CollapseWatch, collapsedBelow, collapsedSteps } from './collapse.ts';
import type { StepEvent, WarningEvent } from './events.ts';
import type { StepOutcome } from './pipeline.ts';

export interface StepPlace {
  readonly epoch: number;
  readonly learningRate: number;
}

export class StepReports {
  readonly #total: number;
  readonly #first: number;
  readonly #batchSize: number;
  readonly #collapse = new CollapseWatch();
  readonly #began = performance.now();
  #paused = 0; // ms
  /** `seconds` when the first step of this fit was counted: it is slower than the others, since it is recorded. */
  #firstSeconds: number | undefined;
  #done: number;
  #epochLoss = 0;
  #epochSteps = 0;
  #skippedSteps = 0;
  #warnedOfOneClass = false;
  #warnedOfPairs = false;
  #warnedOfIds = false;
  /** No step so far had an anchor with a positive. */
  #lacksPositives = true;

  /** @param options.first steps that were done before. */
  constructor(options: { readonly first: number; readonly total: number; readonly batchSize: number }) {
    this.#first = options.first;
    this.#total = options.total;
    this.#batchSize = options.batchSize;
    this.#done = options.first;
  }

  /** Steps done, earlier fits among them. */
  get done(): number {
    return this.#done;
  }

  /** Of this fit, without pauses. */
  get seconds(): number {
    return (performance.now() - this.#began - this.#paused) / 1000;
  }

  /** Of this fit. */
  get samplesPerSecond(): number {
    return ((this.#done - this.#first) * this.#batchSize) / Math.max(this.seconds, 1e-9);
  }

  /** Of this fit: those without an update. */
  get skippedSteps(): number {
    return this.#skippedSteps;
  }

  /** The mean loss since startEpoch(). */
  get epochLoss(): number {
    return this.#epochLoss / Math.max(1, this.#epochSteps);
  }

  /** @param losses of the epoch's steps that an earlier fit did. */
  startEpoch(losses: readonly number[] = []): void {
    this.#epochLoss = losses.reduce((sum, loss) => sum + loss, 0);
    this.#epochSteps = losses.length;
  }

  /** What there is to warn of when an epoch of this fit has ended; of the first one only. */
  endEpoch(): WarningEvent[] {
    if (this.#done === this.#first || !this.#lacksPositives) return [];
    this.#lacksPositives = false;
    return [{ kind: 'warning', message: noPositives }];
  }

  /** Runs something that is no part of the training's throughput. */
  async pause<T>(work: () => Promise<T> | T): Promise<T> {
    const began = performance.now();
    try {
      return await work();
    } finally {
      this.#paused += performance.now() - began;
    }
  }

  /**
   * Counts a step; its event comes after its warnings.
   * @throws {NonFiniteLossError}
   */
  count(outcome: StepOutcome, { epoch, learningRate }: StepPlace): (WarningEvent | StepEvent)[] {
    const { isSingleClass, lacksPairs, hasEqualIds, isStopped: _, ...result } = outcome;
    const { refused, loss, lossScale } = result;
    if (refused !== undefined) {
      const place = `at step ${this.#done + 1} (epoch ${epoch + 1})`;
      const scaled = lossScale === undefined ? '' : `, times ${lossScale} in the backward pass`;
      const what = Number.isFinite(loss)
        ? `${refused} not finite ${place}, though the loss is ${loss}${scaled}`
        : `the loss is ${loss} ${place}`;
      throw new NonFiniteLossError(
        `${what}; the weights are those of step ${this.#done}. A lower learning rate or a higher temperature usually helps`,
        this.#done + 1,
      );
    }
    if (result.validAnchors !== 0) this.#lacksPositives = false;
    if (result.skipped) this.#skippedSteps++;
    this.#done++;
    this.#epochLoss += loss;
    this.#epochSteps++;
    const samplesPerSecond = this.samplesPerSecond;
    const { seconds } = this;
    this.#firstSeconds ??= seconds;
    const others = this.#done - this.#first - 1;
    const pace = others === 0 ? seconds : (seconds - this.#firstSeconds) / others;
    const secondsLeft = (this.#total - this.#done) * pace;
    return [
      ...this.#warnings(outcome).map((message): WarningEvent => ({ kind: 'warning', message })),
      { kind: 'step', step: this.#done, epoch, learningRate, ...result, samplesPerSecond, secondsLeft },
    ];
  }

  #warnings({ isSingleClass, lacksPairs, hasEqualIds, metrics }: StepOutcome): string[] {
    const warnings: string[] = [];
    if (isSingleClass && !this.#warnedOfOneClass) {
      this.#warnedOfOneClass = true;
      warnings.push(oneClass);
    }
    if (lacksPairs && !this.#warnedOfPairs) {
      this.#warnedOfPairs = true;
      warnings.push(noPairs);
    }
    if (hasEqualIds && !this.#warnedOfIds) {
      this.#warnedOfIds = true;
      warnings.push(equalIds);
    }
    if (metrics !== undefined && this.#collapse.sees(metrics)) warnings.push(collapsed);
    return warnings;
  }
}

const oneClass =
  'a batch holds one class only: variant "out" then has nothing to push apart, and "in" has no gradient. Is the data sorted, or the batch too small?';

const noPairs =
  "no two images of a batch are of one class: labels then pull nothing together. A larger batch helps, or the sampler 'class-balanced'";

const equalIds =
  'samples of a batch have the same id: the loss takes them for views of one image, and their random draws are the same. ids must tell images apart, or be left out: then the index in the data set counts. concat() joins data sets so';
const noPositives =
  "no image of the first epoch had another view or another image of its class in its batch: there is nothing to pull together, and nothing was learned. More views or a larger batch help, or the sampler 'class-balanced'";

const collapsed = `the features have collapsed: for ${collapsedSteps} steps their spread was below ${collapsedBelow} (1: all over the sphere, 0: all equal). A lower learning rate, a longer warm-up or other augmentations may help`;
