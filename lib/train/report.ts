/** What is read of a step: the loss and the metrics, as one tensor and as numbers. */

import type { LossValue } from '../losses/all.ts';
import { type ContrastiveMetrics, metricCount, metricsFrom } from '../losses/metrics.ts';
import * as ops from '../tensor/ops.ts';
import type { Tensor, TypedArray } from '../tensor/tensor.ts';
import type { TrainBatch } from './batches.ts';
import type { ResolvedOptions } from './options.ts';

export interface StepResult {
  readonly loss: number;
  /** Where the loss reports it. */
  readonly validAnchors?: number;
  readonly metrics?: ContrastiveMetrics;
  /** Of all parameters together, before clipping, at the last update. */
  readonly gradientNorm: number;
  /** Where several processes train together: the labels and ids of the whole batch, and whether one of them wants to stop. */
  readonly targets?: Pick<TrainBatch, 'labels' | 'ids'>;
  readonly isStopped?: boolean;
  /** In float16: what the loss of the next step is multiplied by, and whether this one was skipped, as its gradients overflowed. */
  readonly lossScale?: number;
  readonly skipped?: true;
  /** There was no update, since something was not finite. What: 'the loss is', 'the gradient is'. */
  readonly refused?: string;
}

/** What is read of a step, as one tensor: the loss, the valid anchors where it reports them, and the metrics. float64 (n). */
export function reportOf({ loss, validAnchors }: LossValue, metrics: Tensor | undefined): Tensor {
  const parts = [loss, validAnchors, metrics].filter((part) => part !== undefined);
  return ops.cat(parts.map((part) => part.detach().to('float64').reshape([-1])));
}

/** The numbers of a report, named. */
export function resultOf(
  report: TypedArray,
  { metrics }: Pick<ResolvedOptions, 'metrics'>,
): Pick<StepResult, 'loss' | 'validAnchors' | 'metrics'> {
  const numbers = Array.from(report, Number);
  const measured = metrics ? numbers.splice(-metricCount) : undefined;
  const [loss, validAnchors] = numbers as [number, number?];
  return {
    loss,
    ...(validAnchors !== undefined && { validAnchors }),
    ...(measured !== undefined && { metrics: metricsFrom(measured) }),
  };
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Of the batches that one update was made of: the means of losses and metrics, all anchors. */
export function togetherOf(results: readonly StepResult[]): StepResult {
  const [first, ...others] = results as [StepResult, ...StepResult[]];
  if (others.length === 0) return first;
  const anchors = results.flatMap(({ validAnchors }) => validAnchors ?? []);
  const metrics = results.flatMap(({ metrics }) => metrics ?? []);
  const [names] = metrics.map((each) => Object.keys(each) as (keyof ContrastiveMetrics)[]);
  const meanMetrics = names?.map((name) => [name, mean(metrics.map((each) => each[name]))]);
  const { gradientNorm, lossScale, skipped } = results.at(-1) as StepResult;
  const refused = results.find((result) => result.refused !== undefined)?.refused;
  return {
    loss: mean(results.map(({ loss }) => loss)),
    ...(anchors.length > 0 && { validAnchors: anchors.reduce((sum, count) => sum + count, 0) }),
    ...(meanMetrics && { metrics: Object.fromEntries(meanMetrics) as unknown as ContrastiveMetrics }),
    gradientNorm,
    ...(lossScale !== undefined && { lossScale }),
    ...(skipped && { skipped }),
    ...(refused !== undefined && { refused }),
    ...(results.some(({ isStopped }) => isStopped) && { isStopped: true }),
  };
}
