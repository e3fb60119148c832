/** One training step: a single native job, or, with a loss or head written in TypeScript, jobs around the callback. */
import { metricsFrom } from '../losses/metrics.ts';
import { loadAddon, type ModuleHandle } from '../native/addon.ts';
import { guard, guardAsync, newJob } from '../native/errors.ts';
import { Module } from '../nn/module.ts';
import type { Optimizer } from '../optim/optimizer.ts';
import { reference } from '../tensor/call.ts';
import { flags, tidy } from '../tensor/modes.ts';
import { inPrecision } from '../tensor/precision.ts';
import type { TrainBatch } from './batches.ts';
import { forward, forwardPairs } from './forward.ts';
import { nativeLoss } from './loss.ts';
import { lossCall, metricsOf, readLoss, type StepResult, targetsOf } from './loss-call.ts';
import type { MomentumEncoder } from './momentum-encoder.ts';
import type { ResolvedOptions } from './options.ts';
import { Update } from './update.ts';

export interface StepContext {
  readonly learningRate: number;
  /** Part of the training that lies behind, in [0, 1]. */
  readonly progress: number;
}

export interface Step {
  /**
   * Enqueues a step; the promise is its outcome. A step that is refused, or fails, leaves weights, running statistics and
   * momentum encoder as they were. The batch may be disposed at once.
   */
  run(batch: Omit<TrainBatch, typeof Symbol.dispose>, context: StepContext): Promise<StepResult>;
  /**
   * Steps that may be enqueued at once. Two for a native step: the compute thread then never waits for JavaScript. One
   * with a callback: its forward pass is enqueued by JavaScript, and must come behind the update before it.
   */
  readonly inFlight: number;
}

export function makeStep(options: ResolvedOptions, optimizer: Optimizer, momentum?: MomentumEncoder): Step {
  const { encoder, head, loss, precision, metrics } = options;
  if (typeof loss === 'function' || (head !== null && !(head instanceof Module)))
    return customStep(options, optimizer, momentum);
  const addon = loadAddon();
  const handleOf = (module: unknown) => (module as { handle: ModuleHandle }).handle;
  const native = guard(() =>
    addon.makeTrainStep(handleOf(encoder), head ? handleOf(head) : undefined, optimizer.handle, momentum?.handle),
  );
  const { operation, arguments: argumentsOf } = nativeLoss(loss);
  const operationReference = reference(operation);
  const run: Step['run'] = async (batch, { learningRate, progress }) => {
    using targets = targetsOf(batch, options);
    const job = newJob();
    const result = inPrecision(precision, () =>
      guard(() =>
        addon.trainStep(
          native,
          batch.images.map(({ handle }) => handle),
          batch.viewOrder,
          operationReference,
          argumentsOf({ labels: targets.labels, ids: targets.ids, hasKeys: momentum !== undefined, progress }),
          metrics,
          targets.metricsLabels?.handle,
          learningRate,
          momentum?.momentumAt(progress) ?? 1,
          flags(),
          job,
        ),
      ),
    );
    const { metrics: numbers, ...rest } = await guardAsync(result);
    return { ...rest, ...(numbers !== undefined && { metrics: metricsFrom(numbers) }) };
  };
  return { run, inFlight: 2 };
}

/** Labels and ids of a batch whose samples come with two pairs. */
const twice = ({ labels, ids }: Pick<TrainBatch, 'labels' | 'ids'>) => ({
  labels: labels && Int32Array.of(...labels, ...labels),
  ids: BigInt64Array.of(...ids, ...ids),
});

function customStep(options: ResolvedOptions, optimizer: Optimizer, momentum: MomentumEncoder | undefined): Step {
  const loss = lossCall(options.loss);
  const update = new Update(options, optimizer, momentum);
  const run: Step['run'] = (batch, { learningRate, progress }) =>
    tidy(() =>
      update.attempt(async () => {
        const pair = momentum && forwardPairs(batch, options, momentum);
        const features = pair?.features ?? forward(batch, options); // (batch, views, dim)
        const targets = targetsOf(momentum?.symmetric ? twice(batch) : batch, options);
        const { labels, ids } = targets;
        const bank = momentum?.bank(labels !== undefined);
        const value = loss(features, { labels, ids, bank, progress });
        const metrics = options.metrics ? metricsOf(features, targets, momentum && { bank }) : undefined;
        const result = await readLoss(value, metrics); // before the update: it may be NaN
        if (result.refused !== undefined) return result;
        value.loss.backward();
        const refused = await update.finish(features, learningRate);
        if (refused !== undefined) return { ...result, refused };
        if (momentum && pair) {
          momentum.follow(momentum.momentumAt(progress));
          momentum.remember(pair.keys, targets);
        }
        return result;
      }),
    );
  return { run, inFlight: 1 };
}
