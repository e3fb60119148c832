/** What one call of fit() takes. */
import type { RunConfig } from '../checkpoint/run-config.ts';
import { OptionError } from '../errors.ts';
import { checkOptions, describe, expectBoolean, expectNumber, expectString, throwIfAborted } from '../validate.ts';
import type { TrainEvent } from './events.ts';

export interface MonitorContext {
  /** The epoch that ended, from 0. */
  readonly epoch: number;
  readonly step: number;
  readonly signal: AbortSignal | undefined;
}

/** Figures by name. */
export type MonitorResult = Readonly<Record<string, number>> | undefined;

export interface FitOptions {
  /** When it fires, fit saves a checkpoint (with `out`) and rejects with an AbortError. */
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: TrainEvent) => void;
  /**
   * Runs after an epoch, with the encoder in evaluation mode; what it returns goes into the epoch's event. The epoch's
   * checkpoint is there already. An epoch whose monitor failed or was stopped is ended again when the run is resumed.
   */
  readonly monitor?: (context: MonitorContext) => Promise<MonitorResult> | MonitorResult;
  /** The run's folder: config.json, metrics.jsonl, checkpoints/. Without it nothing is written. One process writes it. */
  readonly out?: string;
  /**
   * Goes on from the newest good checkpoint in `out`, with the options and the data that the run began with; the number of
   * epochs may be another. Default false.
   */
  readonly resume?: boolean;
  /** Epochs between checkpoints, default 1. The end of training always has one. */
  readonly checkpointEvery?: number;
  /** Where the data came from, for config.json. */
  readonly data?: RunConfig['data'];
  /** The preset that the views were made by, { name, … }, for config.json. */
  readonly preset?: RunConfig['preset'];
  /** The file that an encoder's code is in, where it is made by no name: for config.json. */
  readonly encoderFile?: string;
}

const names = [
  'signal',
  'onEvent',
  'monitor',
  'out',
  'resume',
  'checkpointEvery',
  'data',
  'preset',
  'encoderFile',
] as const;

function checkData(data: FitOptions['data']): void {
  checkOptions('data', data, ['name', 'path', 'limit', 'split', 'skipDamaged']);
  if (data === undefined) return;
  expectString('data.name', data.name);
  if (data.path !== null) expectString('data.path', data.path);
  if (data.limit !== null) expectNumber('data.limit', data.limit, { min: 1, integer: true });
  if (data.split !== undefined) expectString('data.split', data.split);
  if (data.skipDamaged !== undefined) expectBoolean('data.skipDamaged', data.skipDamaged);
}

/** Returns `options` with the defaults that decide something. @throws {OptionError} @throws {AbortError} the signal has fired. */
export function checkFitOptions(options: FitOptions): FitOptions & { readonly checkpointEvery: number } {
  checkOptions('fit', options, names);
  const { signal, onEvent, monitor, out, resume, data, encoderFile } = options;
  for (const [name, value] of Object.entries({ onEvent, monitor }))
    if (value !== undefined && typeof value !== 'function')
      throw new OptionError(`${name} must be a function, got ${describe(value)}`);
  throwIfAborted(signal);
  if (out !== undefined) expectString('out', out);
  if (resume !== undefined) expectBoolean('resume', resume);
  if (resume && out === undefined) throw new OptionError('resume needs out, the folder of the run');
  checkData(data);
  if (encoderFile !== undefined) expectString('encoderFile', encoderFile);
  const checkpointEvery = expectNumber('checkpointEvery', options.checkpointEvery ?? 1, { min: 1, integer: true });
  return { ...options, checkpointEvery };
}

/** What a monitor returned. @throws {OptionError} it is not figures by name. */
export function checkMonitorResult(result: unknown): Readonly<Record<string, number>> {
  if (result === undefined) return {};
  if (result === null || typeof result !== 'object' || Array.isArray(result))
    throw new OptionError(`monitor must return numbers by name, got ${describe(result)}`);
  for (const [name, value] of Object.entries(result))
    if (typeof value !== 'number') throw new OptionError(`monitor: ${name} must be a number, got ${describe(value)}`);
  return result as Record<string, number>;
}
