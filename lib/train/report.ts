/** What is read of a step: the loss and the metrics, as one tensor and as numbers. */

import type { LossValue } from '../losses/all.ts';
import { type ContrastiveMetrics, metricCount, metricsFrom } from '../losses/metrics.ts';
import * as ops from '../tensor/ops.ts';
import type { Tensor, TypedArray } from '../tensor/tensor.ts';
import type { ResolvedOptions } from './options.ts';

export interface StepResult {
  readonly loss: number;
  /** Where the loss reports it. */
  readonly validAnchors?: number;
  readonly metrics?: ContrastiveMetrics;
  /** There was no update, since something was not finite. What: 'the loss is', 'the gradient is'. */
  readonly refused?: string;
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
