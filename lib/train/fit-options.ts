/** What one call of fit() takes. */
import type { RunConfig } from '../checkpoint/run-config.ts';
import { OptionError } from '../errors.ts';
import { checkOptions, describe, expectBoolean, expectNumber, expectString, throwIfAborted } from '../validate.ts';
import type { TrainEvent } from './events.ts';
import type { Monitor } from './monitors.ts';
import { checkMonitors } from './watch.ts';

export interface FitOptions {
  /** When it fires, fit saves a checkpoint (with `out`) and rejects with an AbortError. */
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: TrainEvent) => void;
  /**
   * What watches the training: functions that run after each epoch, and monitors of the encoder's features such as
   * `onlineProbe()`. Their figures, by name, are in the epochs' events. Default: none.
   */
  readonly monitors?: readonly Monitor[];
  /** Steps between figures of the monitors of features within an epoch, as events of their own. Default: none within. */
  readonly monitorEvery?: number;
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
  /** The recipe that the training began with, { name, … }, for config.json. */
  readonly recipe?: RunConfig['recipe'];
  /** The file that an encoder's code is in, where it is made by no name: for config.json. */
  readonly encoderFile?: string;
}

const names = [
  ...['signal', 'onEvent', 'monitors', 'monitorEvery', 'out', 'resume', 'checkpointEvery'],
  ...['data', 'preset', 'recipe', 'encoderFile'],
] as const;

function checkData(data: FitOptions['data']): void {
  checkOptions('data', data, ['name', 'path', 'limit', 'split', 'skipDamaged', 'heldOut']);
  if (data === undefined) return;
  expectString('data.name', data.name);
  if (data.path !== null) expectString('data.path', data.path);
  if (data.limit !== null) expectNumber('data.limit', data.limit, { min: 1, integer: true });
  if (data.split !== undefined) expectString('data.split', data.split);
  if (data.skipDamaged !== undefined) expectBoolean('data.skipDamaged', data.skipDamaged);
  checkOptions('data.heldOut', data.heldOut, ['fraction', 'seed']);
}

interface Defaults {
  readonly checkpointEvery: number;
  readonly monitors: readonly Monitor[];
  /** Infinity for none. */
  readonly monitorEvery: number;
}

/** Returns `options` with the defaults that decide something. @throws {OptionError} @throws {AbortError} the signal has fired. */
export function checkFitOptions(options: FitOptions): FitOptions & Defaults {
  checkOptions('fit', options, names);
  const { signal, onEvent, out, resume, data, encoderFile } = options;
  if (onEvent !== undefined && typeof onEvent !== 'function')
    throw new OptionError(`onEvent must be a function, got ${describe(onEvent)}`);
  const monitors = checkMonitors(options.monitors);
  const monitorEvery =
    options.monitorEvery === undefined
      ? Number.POSITIVE_INFINITY
      : expectNumber('monitorEvery', options.monitorEvery, { min: 1, integer: true });
  throwIfAborted(signal);
  if (out !== undefined) expectString('out', out);
  if (resume !== undefined) expectBoolean('resume', resume);
  if (resume && out === undefined) throw new OptionError('resume needs out, the folder of the run');
  checkData(data);
  if (encoderFile !== undefined) expectString('encoderFile', encoderFile);
  const checkpointEvery = expectNumber('checkpointEvery', options.checkpointEvery ?? 1, { min: 1, integer: true });
  return { ...options, monitors, monitorEvery, checkpointEvery };
}
