/** A trainer's loss, called on tensors; and what a step reads of it. */
import { OptionError } from '../errors.ts';
import { type ContrastiveMetrics, metricCount, metricsFrom } from '../losses/metrics.ts';
import * as ops from '../tensor/ops.ts';
import { Tensor, type TypedArray, tensor } from '../tensor/tensor.ts';
import { describe } from '../validate.ts';
import type { TrainBatch } from './batches.ts';
import { type KeyBank, type LossBatch, type LossValue, nativeLoss } from './loss.ts';
import type { ResolvedOptions } from './options.ts';

export interface StepResult {
  readonly loss: number;
  /** Where the loss reports it. */
  readonly validAnchors?: number;
  readonly metrics?: ContrastiveMetrics;
  /** There was no update, since something was not finite. What: 'the loss is', 'the gradient is'. */
  readonly refused?: string;
}

/** Features float32 (batch, views, dim) to the loss, by name or the user's own. */
export function lossCall(loss: ResolvedOptions['loss']): (features: Tensor, batch: LossBatch) => LossValue {
  if (typeof loss !== 'function') return nativeLoss(loss).call;
  return (features, { labels, ids, bank }) => {
    const value = loss(features, { labels, ids, bank });
    if (!(value instanceof Tensor)) throw new OptionError(`loss must return a Tensor, got ${describe(value)}`);
    return { loss: value };
  };
}

/** The tensors that losses and metrics take beside the features. */
export interface Targets {
  /** int32 (batch), when every sample has a label and the loss looks at them. */
  readonly labels: Tensor | undefined;
  /** int64 (batch) */
  readonly ids: Tensor;
}

/** A loss of the user's own is taken to look at the labels, where there are any. */
export function targetsOf(
  { labels, ids }: Pick<TrainBatch, 'labels' | 'ids'>,
  { loss, encoder }: Pick<ResolvedOptions, 'loss' | 'encoder'>,
): Targets {
  const { device } = encoder;
  const usesLabels = typeof loss === 'function' || nativeLoss(loss).usesLabels;
  return { labels: usesLabels && labels ? tensor(labels, { device }) : undefined, ids: tensor(ids, { device }) };
}

/** Of features and what the loss compares them with: a batch with itself, or queries with keys. */
export function metricsOf(features: Tensor, { ids, labels }: Targets, pair?: { bank: KeyBank | undefined }): Tensor {
  if (pair === undefined) return ops.contrastiveMetrics(features.detach(), { labels });
  const { bank } = pair;
  return ops.queryMetrics(features.detach(), ids, {
    labels,
    bank: bank?.features,
    bankIds: bank?.ids,
    bankLabels: bank?.labels,
  });
}

/** What is read of a step, as one tensor: the loss, the valid anchors where it reports them, and the metrics. float64 (n). */
export function reportOf({ loss, validAnchors }: LossValue, metrics: Tensor | undefined): Tensor {
  const parts = [loss, validAnchors, metrics].filter((part) => part !== undefined);
  return ops.cat(parts.map((part) => part.detach().to('float64').reshape([-1])));
}

/** The numbers of a report, named. */
export function resultOf(report: TypedArray, { metrics }: Pick<ResolvedOptions, 'metrics'>): StepResult {
  const numbers = Array.from(report, Number);
  const measured = metrics ? numbers.splice(-metricCount) : undefined;
  const [loss, validAnchors] = numbers as [number, number?];
  return {
    loss,
    ...(validAnchors !== undefined && { validAnchors }),
    ...(measured !== undefined && { metrics: metricsFrom(measured) }),
  };
}
