/** What one call of fit() takes. */
import type { RunConfig } from '../checkpoint/run-config.ts';
import { OptionError } from '../errors.ts';
import { countOption, functionOption, orNull, signalOption } from '../options/kinds.ts';
import type { OptionsOf, OptionTable, ResolvedOf } from '../options/option.ts';
import { asGiven, resolveOptions } from '../options/resolve.ts';
import { expectNumber, expectString, throwIfAborted } from '../validate.ts';
import type { TrainEvent } from './events.ts';
import { checkMonitors } from './watch.ts';

const dataOptions = {
  name: { type: 'string', required: true },
  path: { type: 'checked', required: true, check: orNull(expectString) },
  limit: {
    ...{ type: 'checked', required: true },
    check: orNull((name: string, value: number) => expectNumber(name, value, countOption)),
  },
  testLimit: countOption,
  split: { type: 'string' },
  skipDamaged: { type: 'boolean' },
  heldOut: {
    type: 'group',
    options: {
      fraction: { type: 'number', required: true, above: 0, max: 1 },
      seed: { ...countOption, min: 0, required: true },
    },
  },
} as const satisfies OptionTable;

/** What a run keeps of a training: of fit(), and of what trains by it. */
export const runOptions = {
  /** The run's folder: config.json, metrics.jsonl, checkpoints/. Without it nothing is written. One process writes it. */
  out: { type: 'string', help: 'folder of the run', usual: 'nothing is written' },
  /**
   * Goes on from the newest good checkpoint in `out`, with the options and the data that the run began with; the number of
   * epochs may be another. Default false.
   */
  resume: { type: 'boolean', default: false, help: 'goes on from the newest good checkpoint in `out`' },
  /** Epochs between checkpoints, default 1. The end of training always has one. */
  checkpointEvery: {
    ...{ ...countOption, default: 1, value: 'EPOCHS' },
    help: 'epochs between checkpoints; the end has one',
  },
  /** Where the data came from, for config.json. */
  data: { type: 'group', options: dataOptions, help: 'where the data came from, for config.json' },
  /** The file that an encoder's code is in, where it is made by no name: for config.json. */
  encoderFile: { type: 'string', help: "the file of the encoder's code, for config.json" },
  /** When it fires, a checkpoint is saved (with `out`), and the call rejects with an AbortError. */
  signal: { ...signalOption, value: 'AbortSignal', help: 'saves a checkpoint and stops' },
  /** Hears the events of the training. */
  onEvent: {
    ...functionOption<(event: TrainEvent) => void>(),
    ...{ value: '(event) => …', help: 'hears the events of the training; those of kind `warning` are yours to show' },
  },
} as const satisfies OptionTable;

export const fitOptions = {
  ...runOptions,
  /**
   * What watches the training: functions that run after each epoch, and monitors of the encoder's features such as
   * `onlineProbe()`. Their figures, by name, are in the epochs' events. Default: none.
   */
  monitors: {
    type: 'checked',
    default: [],
    check: checkMonitors,
    value: 'an array',
    help: 'what watches the training',
  },
  /** Steps between figures of the monitors of features within an epoch, as events of their own. Default: none within. */
  monitorEvery: {
    ...{ ...countOption, value: 'STEPS', usual: 'an epoch' },
    help: 'steps between the figures of monitors of features',
  },
  /**
   * The monitors that run after each epoch run before the first step too, with epoch −1: what they say there is what training is
   * compared with, as an event 'monitor' of step 0. Default false.
   */
  monitorStart: { type: 'boolean', default: false, help: 'monitors run before the first step too' },
  /**
   * A figure that monitors give after epochs, such as 'knnTop1': the checkpoint of the epoch in which it was highest is kept,
   * beside the newest ones, as `checkpoints/best`. Needs `out`, and a monitor that gives it: another name is warned of
   * once each has spoken, and an error at the end. Default: none.
   */
  best: {
    type: 'string',
    value: "'knnTop1'",
    help: 'a figure; the checkpoint of the epoch where it was highest is kept',
  },
  /** The preset that the views were made by, { name, … }, for config.json. */
  preset: { type: 'checked', isInternal: true, check: asGiven<NonNullable<RunConfig['preset']>> },
  /** The recipe that the training began with, { name, … }, for config.json. */
  recipe: { type: 'checked', isInternal: true, check: asGiven<NonNullable<RunConfig['recipe']>> },
} as const satisfies OptionTable;

export interface FitOptions extends OptionsOf<typeof fitOptions> {}
export interface ResolvedFit extends ResolvedOf<typeof fitOptions> {}

/** @throws {OptionError} an unknown or wrong option. @throws {AbortError} the signal has fired. */
export function checkFitOptions(options: FitOptions): ResolvedFit {
  const resolved = resolveOptions('fit', fitOptions, options);
  throwIfAborted(resolved.signal);
  if (resolved.resume && resolved.out === undefined) throw new OptionError('resume needs out, the folder of the run');
  if (resolved.best !== undefined && (resolved.out === undefined || resolved.monitors.length === 0))
    throw new OptionError('best needs out, the folder of the run, and monitors, one of which gives the figure');
  return resolved;
}
