/** One training step: forward, loss, backward, update, all of it enqueued at once. */
import type { Method, MethodBatch, Targets } from '../methods/method.ts';
import { Views } from '../methods/views.ts';
import type { Optimizer } from '../optim/optimizer.ts';
import { compile } from '../tensor/compile.ts';
import { enableGrad, tidy } from '../tensor/modes.ts';
import * as ops from '../tensor/ops.ts';
import { sync } from '../tensor/runtime.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { TrainBatch } from './batches.ts';
import { refusalOf, StepGuard } from './guard.ts';
import type { ResolvedOptions } from './options.ts';
import { callsFunctions, isRecorded, modeKeyOf } from './purity.ts';
import { reportOf, resultOf, type StepResult } from './report.ts';
import { scalarOf, targetsOf } from './targets.ts';
import type { Watch } from './watch.ts';

export interface StepContext {
  readonly learningRate: number;
  /** Part of the training that lies behind, in [0, 1]. */
  readonly progress: number;
}

type TrainBatchParts = Omit<TrainBatch, typeof Symbol.dispose>;

export interface Step extends Disposable {
  /**
   * Enqueues a step; the promise is its outcome. A step that is refused, or fails, leaves weights, running statistics and
   * what the method keeps as they were, and so does every step after it, by a StateError. The batch may be disposed at once.
   */
  run(batch: TrainBatchParts, context: StepContext): Promise<StepResult>;
  /**
   * Steps that may be enqueued at once. Two: the compute thread then never waits for JavaScript. One where a method or a head
   * of the user's, which is not recorded, is called when the step before it has been reported.
   */
  readonly inFlight: number;
}

/** What changes from step to step. */
interface StepInputs extends Pick<TrainBatch, 'images' | 'viewOrder'>, Targets {
  /** float64 () */
  readonly learningRate: Tensor;
}

interface StepOutputs {
  /** Loss, valid anchors and metrics, as resultOf() reads them. */
  readonly report: Tensor;
  /** int64 (), of lib/train/guard.ts. */
  readonly status: Tensor;
  /** For monitors. */
  readonly encoded?: Tensor;
}

/** The step as a function of tensors: it reads none of their values. */
function stepFunction(
  { metrics }: ResolvedOptions,
  guard: StepGuard,
  method: Method,
  watch: Watch | undefined,
): (inputs: StepInputs) => StepOutputs {
  return ({ images, viewOrder, learningRate, ...targets }) => {
    const batch: MethodBatch = { views: new Views(images, viewOrder), ...targets };
    let status = guard.begin();
    const value = method.loss(batch);
    const encoded = watch?.features(batch.views.batch);
    const report = reportOf(value, metrics ? method.metrics(value, batch) : undefined);
    status = guard.checkLoss(report.narrow(0, 0, 1), status);
    status = ops.guardedBackward_(value.loss, status);
    status = guard.update(value.features, learningRate, status);
    status = method.afterUpdate(value, batch, status);
    return { report, status: guard.end(status), ...(encoded && { encoded }) };
  };
}

export function makeStep(options: ResolvedOptions, optimizer: Optimizer, method: Method, watch?: Watch): Step {
  const guard = new StepGuard(options, optimizer, method);
  const whole = stepFunction(options, guard, method, watch);
  const compiled = isRecorded(options, method) ? compile(whole, { key: () => modeKeyOf(options, method) }) : undefined;
  const step = compiled ?? whole;

  const enqueue = (batch: TrainBatchParts, { learningRate, progress }: StepContext): StepOutputs => {
    const { images, viewOrder } = batch;
    const targets = targetsOf(batch, options, method, progress);
    const inputs = { ...targets, images, viewOrder, learningRate: scalarOf(learningRate) };
    return enableGrad(() => step(inputs));
  };

  const read = async ({ report, status }: StepOutputs): Promise<StepResult> => {
    try {
      const [values, code] = await Promise.all([report.ownData(), status.ownData()]);
      return { ...resultOf(values, options), ...refusalOf(Number(code[0])) };
    } finally {
      report.dispose();
      status.dispose();
    }
  };

  const run: Step['run'] = async (batch, context) => {
    try {
      const outputs = tidy(() => enqueue(batch, context));
      watch?.observe(outputs.encoded, batch);
      return await read(outputs);
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
  return { run, inFlight, [Symbol.dispose]: dispose };
}
