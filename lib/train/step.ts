/** One training step: a single native job, or, with a loss or head written in TypeScript, jobs around the callback. */
import { OptionError } from '../errors.ts';
import { Module } from '../models/module.ts';
import { loadAddon } from '../native/addon.ts';
import { guard, guardAsync, newJob } from '../native/errors.ts';
import type { Optimizer } from '../optim/optimizer.ts';
import { reference } from '../tensor/call.ts';
import { autocast, flags, tidy } from '../tensor/modes.ts';
import { Tensor } from '../tensor/tensor.ts';
import { describe } from '../validate.ts';
import { type CustomLoss, nativeLoss } from './loss.ts';
import type { CustomHead, ResolvedOptions } from './options.ts';

export interface StepResult {
  readonly loss: number;
  readonly validAnchors?: number;
}

export interface Step {
  /**
   * Enqueues a step; the promise is its outcome. When the loss is not finite, the weights stay as they were.
   * @param images (views · batch, channels, height, width), view-major.
   * @param labels int32 (batch), when every sample has one.
   */
  run(images: Tensor, labels: Tensor | undefined, learningRate: number): Promise<StepResult>;
  /**
   * Steps that may be enqueued at once. Two for a native step: the compute thread then never waits for JavaScript. One
   * with a callback: its forward pass is enqueued by JavaScript, and must come behind the update before it.
   */
  readonly inFlight: number;
}

const inPrecision = <T>(precision: ResolvedOptions['precision'], fn: () => T): T =>
  precision === 'bfloat16' ? autocast('bfloat16', fn) : fn();

export function makeStep(options: ResolvedOptions, optimizer: Optimizer): Step {
  const { encoder, head, loss } = options;
  if (typeof loss === 'function' || (head !== null && !(head instanceof Module)))
    return customStep(options, optimizer, typeof loss === 'function' ? loss : namedLoss(loss), head);
  const addon = loadAddon();
  const native = guard(() => addon.makeTrainStep(encoder.handle, head?.handle, optimizer.handle));
  const { operation, arguments: argumentsOf } = nativeLoss(loss);
  const operationReference = reference(operation);
  const views = options.augment.length;
  const run: Step['run'] = (images, labels, learningRate) => {
    const job = newJob();
    return inPrecision(options.precision, () =>
      guardAsync(
        guard(() =>
          addon.trainStep(
            native,
            images.handle,
            views,
            operationReference,
            argumentsOf(labels),
            learningRate,
            flags(),
            job,
          ),
        ),
      ),
    );
  };
  return { run, inFlight: 2 };
}

/** A named loss for a step whose head is written in TypeScript. */
function namedLoss(spec: Exclude<ResolvedOptions['loss'], CustomLoss>): CustomLoss {
  const { operation, arguments: argumentsOf } = nativeLoss(spec);
  return (features, { labels }) => {
    const [, ...rest] = argumentsOf(labels);
    const result = guard(() =>
      loadAddon().call(reference(operation), [features.handle, ...rest], flags(), newJob(namedLoss)),
    );
    return new Tensor(Array.isArray(result) ? (result[0] as Tensor['handle']) : result);
  };
}

function customStep(
  options: ResolvedOptions,
  optimizer: Optimizer,
  loss: CustomLoss,
  head: Module | CustomHead | null,
): Step {
  const { encoder, augment, precision } = options;
  const views = augment.length;
  const run: Step['run'] = (images, labels, learningRate) =>
    tidy(async () => {
      optimizer.zeroGrad();
      const z = inPrecision(precision, () => {
        const features = encoder.forward(images);
        return head === null ? features : head.forward(features);
      });
      const [rows, dim] = z.shape as [number, number];
      const features = z
        .to('float32')
        .reshape([views, rows / views, dim])
        .transpose(0, 1); // (batch, views, dim)
      const value = loss(features, { labels });
      if (!(value instanceof Tensor)) throw new OptionError(`loss must return a Tensor, got ${describe(value)}`);
      const result = await value.item(); // read before the update: a NaN must not reach the weights
      if (!Number.isFinite(result)) return { loss: result };
      value.backward();
      optimizer.step({ lr: learningRate });
      return { loss: result };
    });
  return { run, inFlight: 1 };
}
