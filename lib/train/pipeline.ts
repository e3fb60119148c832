/** An epoch as a row of steps that are ready to run, whether a batch goes through the encoder at once or in parts. */
import type { Dataset } from '../data/dataset.ts';
import type { DataLoader } from '../data/loader.ts';
import type { Sampler } from '../data/sampler.ts';
import { OptionError } from '../errors.ts';
import { isSingleClass } from '../losses/labels.ts';
import { Method } from '../methods/method.ts';
import type { Optimizer } from '../optim/optimizer.ts';
import { throwIfAborted } from '../validate.ts';
import type { AveragedWeights } from './averaged-weights.ts';
import { partOfRank, type TrainBatch, trainBatches } from './batches.ts';
import { makeCachedStep } from './cached-step.ts';
import { largeBatches } from './large-batches.ts';
import type { ResolvedOptions } from './options.ts';
import { type StepResult, togetherOf } from './report.ts';
import { makeStep, type Step, type StepContext } from './step.ts';
import type { Watch } from './watch.ts';

export interface StepOutcome extends Omit<StepResult, 'targets'> {
  /** The loss looks at labels, and the batch had one only. */
  readonly isSingleClass: boolean;
  /** The loss looks at labels, and no two samples of the batch had the same. */
  readonly lacksPairs: boolean;
  /** The loss compares samples, and two of the batch had one id. */
  readonly hasEqualIds: boolean;
}

/** A batch and what is to be done with it. Disposing it lets go of the batch; a step that runs keeps what it needs. */
export interface PendingStep extends Disposable {
  /** Whether it ends in an update, of this batch and of those before it whose gradients are added up. */
  readonly isUpdate: boolean;
  /**
   * Enqueues; the promise is the outcome of the update, undefined where another batch comes before that. A step that is refused
   * leaves all as it was.
   */
  run(context: StepContext): Promise<StepOutcome | undefined>;
}

export interface Pipeline extends Disposable {
  readonly stepsPerEpoch: number;
  /** Steps that may run at once. */
  readonly inFlight: number;
  /** Whether a step that fails, for whatever reason, leaves weights and running statistics as they were. */
  readonly undoesFailures: boolean;
  epoch(
    epoch: number,
    options: { readonly startStep: number; readonly signal: AbortSignal | undefined },
  ): AsyncGenerator<PendingStep, void, undefined>;
}

export function makePipeline(
  dataset: Dataset,
  options: ResolvedOptions,
  sampler: Sampler,
  optimizer: Optimizer,
  method: Method,
  watch: Watch,
  average?: AveragedWeights,
): Pipeline {
  const { usesIds, comparesBatch, labels: use } = options.method;
  const comparesClasses = use === 'required' && comparesBatch;
  const outcome: Outcome = ({ targets, ...result }, own) => {
    const { labels, ids } = targets ?? own;
    return {
      ...result,
      isSingleClass: comparesClasses && labels !== undefined && isSingleClass(labels),
      lacksPairs: comparesClasses && labels !== undefined && new Set(labels).size === labels.length,
      hasEqualIds: usesIds && new Set(ids).size < ids.length,
    };
  };
  const { accumulate, microBatch, batchSize } = options;
  // What a method changes behind the update is not put back where a step fails then.
  const undoesFailures = method.afterUpdate === Method.prototype.afterUpdate;
  if (microBatch < batchSize)
    return cachedPipeline(
      largeBatches(dataset, options, sampler),
      makeCachedStep(options, optimizer, method, watch, average),
      outcome,
      undoesFailures,
    );
  const loader = trainBatches(dataset, options, partOfRank(sampler, options));
  if (loader.length < accumulate)
    throw new OptionError(
      `accumulate must be at most the batches of an epoch: ${dataset.name} has ${loader.length} of ${batchSize} samples, got ${accumulate}`,
    );
  const step = makeStep(options, optimizer, method, watch, average);
  return plainPipeline(accumulate, loader, step, outcome, undoesFailures);
}

const together = (outcomes: readonly StepOutcome[]): StepOutcome => ({
  ...togetherOf(outcomes),
  isSingleClass: outcomes.some(({ isSingleClass }) => isSingleClass),
  lacksPairs: outcomes.some(({ lacksPairs }) => lacksPairs),
  hasEqualIds: outcomes.some(({ hasEqualIds }) => hasEqualIds),
});

type Outcome = (result: StepResult, targets: Pick<TrainBatch, 'labels' | 'ids'>) => StepOutcome;

function plainPipeline(
  accumulate: number,
  loader: DataLoader<TrainBatch>,
  step: Step,
  outcome: Outcome,
  undoesFailures: boolean,
): Pipeline {
  const stepsPerEpoch = Math.floor(loader.length / accumulate);
  return {
    stepsPerEpoch,
    inFlight: step.inFlight,
    undoesFailures,
    async *epoch(epoch, { startStep, signal }) {
      let begun: Promise<StepOutcome>[] = []; // batches of an update that is not enqueued yet
      let left = (stepsPerEpoch - startStep) * accumulate;
      try {
        for await (const batch of loader.epoch(epoch, {
          startStep: startStep * accumulate,
          ...(signal && { signal }),
        })) {
          const part = { isFirst: begun.length === 0, isLast: begun.length === accumulate - 1 };
          const run: PendingStep['run'] = (context) => {
            const own = step.run(batch, context, part).then((result) => outcome(result, batch));
            const all = [...begun, own];
            begun = part.isLast ? [] : all;
            return part.isLast ? Promise.all(all).then(together) : own.then(() => undefined);
          };
          yield { isUpdate: part.isLast, run, [Symbol.dispose]: () => batch[Symbol.dispose]() };
          if (--left === 0) return; // an epoch has whole updates only
        }
      } finally {
        if (begun.length > 0) step.abandon();
      }
    },
    [Symbol.dispose]: () => step[Symbol.dispose](),
  };
}

function cachedPipeline(
  batches: ReturnType<typeof largeBatches>,
  step: ReturnType<typeof makeCachedStep>,
  outcome: Outcome,
  undoesFailures: boolean,
): Pipeline {
  return {
    stepsPerEpoch: batches.length,
    inFlight: 1,
    undoesFailures,
    async *epoch(epoch, { startStep, signal }) {
      for await (const batch of batches.epoch(epoch, startStep)) {
        throwIfAborted(signal);
        const run: PendingStep['run'] = async (context) => {
          const result = await step.run(batch, { ...context, signal });
          return outcome(result, result.targets);
        };
        yield { isUpdate: true, run, [Symbol.dispose]: () => {} };
      }
    },
    [Symbol.dispose]: () => step[Symbol.dispose](),
  };
}
