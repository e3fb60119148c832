/** One training step: forward, loss, backward, update, all of it enqueued at once. */
import type { Method, MethodBatch, Targets } from '../methods/method.ts';
import { Views } from '../methods/views.ts';
import type { Optimizer, Rates } from '../optim/optimizer.ts';
import { compile } from '../tensor/compile.ts';
import * as internal from '../tensor/internal-ops.ts';
import { enableGrad, tidy } from '../tensor/modes.ts';
import { withKeysOf } from '../tensor/random.ts';
import { sync } from '../tensor/runtime.ts';
import { noteBackward, type Tensor, type TypedArray } from '../tensor/tensor.ts';
import type { AveragedWeights } from './averaged-weights.ts';
import type { TrainBatch } from './batches.ts';
import { graphWarning } from './graph-warning.ts';
import { handedOn, onlyPart, type Part, refusalOf, StepGuard } from './guard.ts';
import type { ResolvedOptions } from './options.ts';
import { callsFunctions, isRecorded, modeKeyOf } from './purity.ts';
import { reportOf, resultOf, type StepResult } from './report.ts';
import { labelsToSee, readTogether, SharedStep, stopOf, type Together } from './shared-step.ts';
import { scalarOf, targetsOf } from './targets.ts';
import type { Watch } from './watch.ts';

export interface StepContext {
  /** Updates before this one. What is dropped in a step is a function of it and of the training's seed. */
  readonly step: number;
  readonly learningRate: number;
  /** Part of the training that lies behind, in [0, 1]. */
  readonly progress: number;
  /** d of the averaged weights, where there are some. */
  readonly decay?: number;
  /** Where several processes train together: when it has fired, the step says to all that this one wants to stop. */
  readonly stop?: AbortSignal | undefined;
}

type TrainBatchParts = Omit<TrainBatch, typeof Symbol.dispose>;

export interface Step extends Disposable {
  /**
   * Enqueues a step, or the next of the batches that it is made of; the promise is its outcome. A step that is refused, or fails,
   * leaves weights, running statistics and what the method keeps as they were, and so does every step after it, by a StateError.
   * The batch may be disposed at once.
   */
  run(batch: TrainBatchParts, context: StepContext, part?: Part): Promise<StepResult>;
  /** Undoes a step whose last batches do not come. No later one changes anything. */
  abandon(): void;
  /**
   * Steps that may be enqueued at once. Two: the compute thread then never waits for JavaScript. One where a method or a head
   * of the user's, which is not recorded, is called when the step before it has been reported.
   */
  readonly inFlight: number;
}

/** What changes from step to step. */
interface StepInputs extends Pick<TrainBatch, 'images' | 'viewOrder'>, Targets {
  readonly rates: Rates;
  /** float64 () */
  readonly decay: Tensor | undefined;
  /** Where several processes compute the step: int64 (1), whether this one wants to stop. */
  readonly stop: Tensor | undefined;
  /** Where several processes compute the step and monitors watch it: labelsToSee(). */
  readonly seen: Tensor | undefined;
  readonly part: Part;
}

interface StepOutputs {
  /** Loss, valid anchors and metrics, as resultOf() reads them. */
  readonly report: Tensor;
  /** int64 (), of lib/train/guard.ts. */
  readonly status: Tensor;
  /** For monitors. */
  readonly encoded?: Tensor;
  /** Where several processes compute the step. */
  readonly together?: Together;
}

/** The step as a function of tensors: it reads none of their values. */
function stepFunction(
  { metrics, accumulate }: ResolvedOptions,
  guard: StepGuard,
  method: Method,
  watch: Watch | undefined,
  average: AveragedWeights | undefined,
  shared: SharedStep | undefined,
): (inputs: StepInputs) => StepOutputs {
  const common = <T>(work: () => T): T => (shared ? shared.ranks.inCommon(work) : work());
  return ({ images, viewOrder, rates, decay, stop, seen, part, ...own }) => {
    const targets = shared ? shared.targets(own) : own;
    const batch: MethodBatch = { views: new Views(images, viewOrder), ...targets };
    let status = guard.begin(part);
    const value = common(() => method.loss(batch));
    const encoded = watch?.features(batch.views.batch);
    const measured = metrics ? common(() => method.metrics(value, batch)) : undefined;
    const report = shared ? shared.report(value, measured) : reportOf(value, measured);
    status = guard.checkLoss(report.narrow(0, 0, 1), status);
    status = guard.checkFeatures(value.features, status);
    if (shared && stop) status = shared.agree(status, stop);
    const loss = guard.scaled(accumulate > 1 ? value.loss.div(accumulate) : value.loss);
    status = shared && part.isLast ? shared.backward(loss, status) : internal.guardedBackward_(loss, status);
    noteBackward();
    if (part.isLast) {
      status = guard.update(rates, status);
      status = handedOn(method.afterUpdate(value, batch, status));
      if (average && decay) status = average.follow(decay, status);
    }
    const labels = targets.labels ?? (seen && shared?.ranks.whole(seen));
    const together = shared && stop && { labels, ids: targets.ids, stop };
    return { report, status: guard.end(status, part), ...(encoded && { encoded }), ...(together && { together }) };
  };
}

export function makeStep(
  options: ResolvedOptions,
  optimizer: Optimizer,
  method: Method,
  watch?: Watch,
  average?: AveragedWeights,
): Step {
  const guard = new StepGuard(options, optimizer, method);
  const shared = options.ranks && new SharedStep(options.ranks, options, method);
  const whole = stepFunction(options, guard, method, watch, average, shared);
  const compiled = isRecorded(options, method)
    ? compile(whole, { graph: options.graph, key: () => modeKeyOf(options, method) })
    : undefined;
  const step = compiled ?? whole;

  const tellWhyNoGraphs = graphWarning(options, compiled);

  let place = 0; // of the batch among those of its step
  const enqueue = (batch: TrainBatchParts, context: StepContext, part: Part): StepOutputs => {
    const { images, viewOrder } = batch;
    place = part.isFirst ? 0 : place + 1;
    const inputs = {
      ...targetsOf(batch, options, method, context.progress),
      ...{ images, viewOrder },
      rates: optimizer.ratesAt(context.learningRate, context.progress),
      decay: context.decay === undefined ? undefined : scalarOf(context.decay, options.encoder.device),
      stop: shared && stopOf(context.stop),
      seen: shared && watch?.seesFeatures ? labelsToSee(batch) : undefined,
      part,
    };
    return withKeysOf([options.seed, context.step, place], () => enableGrad(() => step(inputs)));
  };

  const read = async ({ report, status, together }: StepOutputs): Promise<StepResult> => {
    try {
      // All are asked for at once: what is asked for later waits for the step that is enqueued meanwhile.
      const asked = [report, status, optimizer.gradientNorm, ...(options.lossScale ? [options.lossScale.scale] : [])];
      const reads = Promise.all(asked.map((value) => value.ownData()));
      const [numbers, ofAll] = await Promise.all([reads, together && readTogether(together)]);
      const [values, code, norm, scale] = numbers as [TypedArray, TypedArray, TypedArray, TypedArray?];
      const refusal = refusalOf(Number(code[0]));
      if (refusal.refused !== undefined) optimizer.zeroGrad(); // on a device the step itself did not know
      return {
        ...resultOf(values, options),
        gradientNorm: Number(norm[0]),
        ...(scale && { lossScale: Number(scale[0]) }),
        ...refusal,
        ...ofAll,
      };
    } finally {
      report.dispose();
      status.dispose();
    }
  };

  const run: Step['run'] = async (batch, context, part = onlyPart) => {
    try {
      const outputs = tidy(() => enqueue(batch, context, part));
      const { encoded, together } = outputs;
      if (together === undefined) watch?.observe(encoded, batch);
      // Seen when it is read, in the order of the steps: the first one is compared for longer.
      const seen = read(outputs).then((result) => {
        if (result.targets) watch?.observe(encoded, result.targets);
        return result;
      });
      const [result] = await Promise.all([seen, shared?.expectSame(compiled)]);
      tellWhyNoGraphs();
      return result;
    } catch (error) {
      await sync().catch(() => {}); // this failure, which is heard here
      guard.abandon();
      throw error;
    }
  };
  const dispose = (): void => {
    compiled?.dispose();
    guard[Symbol.dispose]();
  };
  const inFlight = compiled === undefined && callsFunctions(options, method) ? 1 : 2;
  return { run, abandon: () => guard.abandon(), inFlight, [Symbol.dispose]: dispose };
}
