/** What a training run reports, in order. `kind` tells them apart. */
import type { ContrastiveMetrics } from '../losses/metrics.ts';
import type { Precision, PrecisionSpeeds } from '../tensor/precision.ts';
import type { Figures } from './monitors.ts';

export interface StartEvent {
  readonly kind: 'start';
  readonly samples: number;
  readonly stepsPerEpoch: number;
  readonly totalSteps: number;
  /** Steps done before, when a run is resumed. */
  readonly startStep: number;
  readonly device: string;
  readonly precision: Precision;
  /** Images through encoder and head a second, forward and backward, where they were measured to choose the precision. */
  readonly precisionSpeeds?: PrecisionSpeeds;
}

export interface StepEvent {
  readonly kind: 'step';
  /** Optimizer steps done, from 1. */
  readonly step: number;
  /** From 0. */
  readonly epoch: number;
  readonly loss: number;
  readonly learningRate: number;
  /** Anchors that had a positive, where the loss reports it. */
  readonly validAnchors?: number;
  /**
   * Of the step's features, before its update; with the positives that the loss has. In `moco`, of the pairs
   * of a query with its own key and with the queue: top1 is the part of the queries whose nearest key is a positive.
   * Without `metrics: false`.
   */
  readonly metrics?: ContrastiveMetrics;
  /** 2-norm of the gradient of all parameters together, as it was before clipping; infinite or NaN where the step was skipped. */
  readonly gradientNorm: number;
  /** In float16: what the loss of the next step is multiplied by. */
  readonly lossScale?: number;
  /** In float16: the scaled gradients overflowed, and there was no update. */
  readonly skipped?: true;
  /** Mean over this fit so far: samples (not views) per second of wall time, without the monitors'. */
  readonly samplesPerSecond: number;
  /** Estimate, seconds. */
  readonly secondsLeft: number;
}

/** Within an epoch, every `monitorEvery` steps; with `monitorStart` before the first step, as step 0. */
export interface MonitorEvent {
  readonly kind: 'monitor';
  /** From 0. */
  readonly epoch: number;
  readonly step: number;
  /** What the monitors of features said; at step 0, those that run after epochs. */
  readonly metrics: Figures;
}

export interface EpochEvent {
  readonly kind: 'epoch';
  /** The epoch that ended, from 0. */
  readonly epoch: number;
  readonly step: number;
  /** Mean over the epoch's steps. */
  readonly loss: number;
  /** What the monitors said. */
  readonly metrics: Figures;
}

export interface CheckpointEvent {
  readonly kind: 'checkpoint';
  readonly step: number;
  readonly folder: string;
}

export interface WarningEvent {
  readonly kind: 'warning';
  readonly message: string;
}

export interface EndEvent {
  readonly kind: 'end';
  readonly step: number;
  /** Mean over the last epoch's steps; NaN where there was none. */
  readonly loss: number;
  readonly samplesPerSecond: number;
  /** Wall time of this fit, without the monitors'. */
  readonly seconds: number;
  /** In float16: steps of this fit without an update. */
  readonly skippedSteps?: number;
}

export type TrainEvent = StartEvent | StepEvent | MonitorEvent | EpochEvent | CheckpointEvent | WarningEvent | EndEvent;
