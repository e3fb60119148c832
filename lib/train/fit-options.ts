/** What one call of fit() takes. */
import { OptionError } from '../errors.ts';
import { checkOptions, describe, expectNumber } from '../validate.ts';
import type { TrainEvent } from './events.ts';

export interface MonitorContext {
  /** The epoch that ended, from 0. */
  readonly epoch: number;
  readonly step: number;
  readonly signal: AbortSignal | undefined;
}

export interface FitOptions {
  /** When it fires, fit saves a checkpoint (with `out`) and rejects with an AbortError. */
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: TrainEvent) => void;
  /** Runs after an epoch, with the encoder in evaluation mode; what it returns goes into the epoch's event. */
  readonly monitor?: (context: MonitorContext) => Promise<Record<string, number>> | Record<string, number>;
  /** The run's folder: config.json, metrics.jsonl, checkpoints/. Without it nothing is written. */
  readonly out?: string;
  /** Goes on from the newest good checkpoint in `out`. Default false. */
  readonly resume?: boolean;
  /** Epochs between checkpoints, default 1. The end of training always has one. */
  readonly checkpointEvery?: number;
  /** Where the data came from, for config.json. */
  readonly data?: { readonly name: string; readonly path: string | null; readonly limit: number | null };
}

const names = ['signal', 'onEvent', 'monitor', 'out', 'resume', 'checkpointEvery', 'data'] as const;

/** Returns `options` with the defaults that decide something. @throws {OptionError} */
export function checkFitOptions(options: FitOptions): FitOptions & { readonly checkpointEvery: number } {
  checkOptions('fit', options, names);
  if (options.monitor !== undefined && typeof options.monitor !== 'function')
    throw new OptionError(`monitor must be a function, got ${describe(options.monitor)}`);
  if (options.resume && options.out === undefined) throw new OptionError('resume needs out, the folder of the run');
  const checkpointEvery = expectNumber('checkpointEvery', options.checkpointEvery ?? 1, { min: 1, integer: true });
  return { ...options, checkpointEvery };
}
