/** A trainer's loss, called on tensors; and what a step reads of it. */
import { OptionError } from '../errors.ts';
import { type ContrastiveMetrics, metricsFrom } from '../losses/metrics.ts';
import { loadAddon } from '../native/addon.ts';
import { guard, newJob } from '../native/errors.ts';
import { reference } from '../tensor/door.ts';
import { flags } from '../tensor/modes.ts';
import * as ops from '../tensor/ops.ts';
import { Tensor, tensor } from '../tensor/tensor.ts';
import { describe } from '../validate.ts';
import type { TrainBatch } from './batches.ts';
import { type KeyBank, type LossBatch, nativeLoss } from './loss.ts';
import type { ResolvedOptions } from './options.ts';

export interface StepResult {
  readonly loss: number;
  /** Where the loss reports it. */
  readonly validAnchors?: number;
  readonly metrics?: ContrastiveMetrics;
  /** There was no update, since something was not finite. What: 'the loss is', 'the gradient is'. */
  readonly refused?: string;
}

interface LossValue {
  /** scalar () */
  readonly loss: Tensor;
  /** int64 () */
  readonly validAnchors?: Tensor | undefined;
}

/** Features float32 (batch, views, dim) to the loss, by name or the user's own. */
export function lossCall(loss: ResolvedOptions['loss']): (features: Tensor, batch: LossBatch) => LossValue {
  if (typeof loss === 'function')
    return (features, batch) => {
      const { labels, ids, bank } = batch;
      const value = loss(features, { labels, ids, bank });
      if (!(value instanceof Tensor)) throw new OptionError(`loss must return a Tensor, got ${describe(value)}`);
      return { loss: value };
    };
  const { operation, arguments: argumentsOf } = nativeLoss(loss);
  return (features, batch) => {
    const [, ...rest] = argumentsOf(batch);
    const made = guard(() =>
      loadAddon().call(reference(operation), [features.handle, ...rest], flags(), newJob(lossCall)),
    );
    const [value, validAnchors] = (Array.isArray(made) ? made : [made]).map((handle) => new Tensor(handle));
    return { loss: value as Tensor, validAnchors };
  };
}

/** The tensors that losses and metrics take beside the features. */
export interface Targets extends Disposable {
  /** int32 (batch), when every sample has a label. */
  readonly labels: Tensor | undefined;
  /** int64 (batch) */
  readonly ids: Tensor;
  /** The labels, where they say which rows the loss pulls together. */
  readonly metricsLabels: Tensor | undefined;
}

/** A loss of the user's own is taken to look at the labels, where there are any. */
export function targetsOf(batch: Pick<TrainBatch, 'labels' | 'ids'>, { loss, encoder }: ResolvedOptions): Targets {
  const { device } = encoder;
  const labels = batch.labels && tensor(batch.labels, { device });
  const ids = tensor(batch.ids, { device });
  const usesLabels = typeof loss === 'function' || nativeLoss(loss).usesLabels;
  return {
    labels,
    ids,
    metricsLabels: usesLabels ? labels : undefined,
    [Symbol.dispose]() {
      labels?.dispose();
      ids.dispose();
    },
  };
}

/** Of features and what the loss compares them with, (7): a batch with itself, or queries with keys. */
export function metricsOf(features: Tensor, { ids, metricsLabels }: Targets, pair?: { bank: KeyBank | undefined }) {
  if (pair === undefined) return ops.contrastiveMetrics(features.detach(), metricsLabels);
  const { bank } = pair;
  return ops.queryMetrics(features.detach(), ids, metricsLabels, bank?.features, bank?.ids, bank?.labels);
}

/** Reads a loss's value, and the metrics where there are some. */
export async function readLoss({ loss, validAnchors }: LossValue, metrics: Tensor | undefined): Promise<StepResult> {
  const [value, anchors, numbers] = await Promise.all([loss.item(), validAnchors?.item(), metrics?.data()]);
  return {
    loss: value,
    ...(!Number.isFinite(value) && { refused: 'the loss is' }),
    ...(anchors !== undefined && { validAnchors: anchors }),
    ...(numbers !== undefined && { metrics: metricsFrom(numbers as Float32Array) }),
  };
}
