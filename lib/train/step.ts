/** One training step: forward, loss, backward, update, all of it enqueued at once. */

import type { KeyBank } from '../losses/all.ts';
import { Module } from '../nn/module.ts';
import type { Optimizer } from '../optim/optimizer.ts';
import { compile } from '../tensor/compile.ts';
import { enableGrad, tidy } from '../tensor/modes.ts';
import * as ops from '../tensor/ops.ts';
import { sync } from '../tensor/runtime.ts';
import { type Tensor, tensor } from '../tensor/tensor.ts';
import type { TrainBatch } from './batches.ts';
import { forward, forwardPairs, modeKeyOf } from './forward.ts';
import { refusalOf, StepGuard } from './guard.ts';
import { temperatureAt } from './loss.ts';
import { lossCall, metricsOf, reportOf, resultOf, type StepResult, type Targets, targetsOf } from './loss-call.ts';
import type { MomentumEncoder } from './momentum-encoder.ts';
import type { ResolvedOptions } from './options.ts';

export interface StepContext {
  readonly learningRate: number;
  /** Part of the training that lies behind, in [0, 1]. */
  readonly progress: number;
}

export interface Step extends Disposable {
  /**
   * Enqueues a step; the promise is its outcome. A step that is refused, or fails, leaves weights, running statistics and
   * momentum encoder as they were, and so does every step after it, by a StateError. The batch may be disposed at once.
   */
  run(batch: Omit<TrainBatch, typeof Symbol.dispose>, context: StepContext): Promise<StepResult>;
  /**
   * Steps that may be enqueued at once. Two: the compute thread then never waits for JavaScript. One where a loss or a head
   * that is a function of the user's, and not recorded, is called when the step before it has been reported.
   */
  readonly inFlight: number;
}

/** What changes from step to step. */
interface StepInputs extends Pick<TrainBatch, 'images' | 'viewOrder'>, Targets {
  /** Keys of earlier steps, once there are some. */
  readonly bank: KeyBank | undefined;
  /** float64 () */
  readonly learningRate: Tensor;
  /** τ, float64 (), where it changes over the training. */
  readonly temperature: Tensor | undefined;
  /** m of the momentum encoder, float64 (), where there is one. */
  readonly keyMomentum: Tensor | undefined;
}

interface StepOutputs {
  /** Loss, valid anchors and metrics, as resultOf() reads them. */
  readonly report: Tensor;
  /** int64 (), of lib/train/guard.ts. */
  readonly status: Tensor;
}

/** The step as a function of tensors: it reads none of their values. */
function stepFunction(
  options: ResolvedOptions,
  guard: StepGuard,
  momentum: MomentumEncoder | undefined,
): (inputs: StepInputs) => StepOutputs {
  const loss = lossCall(options.loss);
  return (inputs) => {
    const { bank, temperature, keyMomentum, learningRate } = inputs;
    let status = guard.begin();
    const pair = momentum && forwardPairs(inputs, options, momentum);
    const features = pair?.features ?? forward(inputs, options); // (batch, views, dim)
    const value = loss(features, { ...inputs, bank, temperature, hasKeys: momentum !== undefined });
    const metrics = options.metrics ? metricsOf(features, inputs, momentum && { bank }) : undefined;
    const report = reportOf(value, metrics);
    status = guard.checkLoss(report.narrow(0, 0, 1), status);
    status = ops.guardedBackward_(value.loss, status);
    status = guard.update(features, learningRate, status);
    if (momentum && pair && keyMomentum) {
      status = momentum.follow(keyMomentum, status);
      status = momentum.remember(pair.keys, inputs, status);
    }
    return { report, status: guard.end(status) };
  };
}

/** Labels and ids of a batch whose samples come with two pairs. */
const twice = ({ labels, ids }: Pick<TrainBatch, 'labels' | 'ids'>) => ({
  labels: labels && Int32Array.of(...labels, ...labels),
  ids: BigInt64Array.of(...ids, ...ids),
});

/** A number that changes from step to step, float64 (). */
export function scalarOf(value: number): Tensor;
export function scalarOf(value: number | undefined): Tensor | undefined;
export function scalarOf(value: number | undefined): Tensor | undefined {
  return value === undefined ? undefined : tensor(value, { dtype: 'float64' });
}

export function makeStep(options: ResolvedOptions, optimizer: Optimizer, momentum?: MomentumEncoder): Step {
  const { loss, head } = options;
  const guard = new StepGuard(options, optimizer, momentum);
  /** Undefined while the queue fills, when each step is of another kind. */
  const key = (): string | undefined => (momentum?.isFilling ? undefined : modeKeyOf(options));
  const whole = stepFunction(options, guard, momentum);
  const compiled = options.compile ? compile(whole, { key }) : undefined;
  const step = compiled ?? whole;

  const inputsOf: (...args: Parameters<Step['run']>) => StepInputs = (batch, { learningRate, progress }) => {
    const targets = targetsOf(momentum?.symmetric ? twice(batch) : batch, options);
    return {
      ...targets,
      images: batch.images,
      viewOrder: batch.viewOrder,
      bank: momentum?.bank(targets.labels !== undefined),
      learningRate: scalarOf(learningRate),
      temperature: scalarOf(temperatureAt(loss, progress)),
      keyMomentum: scalarOf(momentum?.momentumAt(progress)),
    };
  };

  const enqueue = (inputs: StepInputs): StepOutputs => {
    const outputs = enableGrad(() => step(inputs));
    momentum?.noteKeys(inputs.ids.size);
    return outputs;
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
      return await read(tidy(() => enqueue(inputsOf(batch, context))));
    } catch (error) {
      await sync().catch(() => {}); // this failure, which is heard here
      guard.abandon();
      throw error;
    }
  };
  const isOwn = typeof loss !== 'function' && (head === null || head instanceof Module);
  const dispose = (): void => {
    compiled?.dispose();
    guard[Symbol.dispose]();
  };
  return { run, inFlight: isOwn || options.compile ? 2 : 1, [Symbol.dispose]: dispose };
}
