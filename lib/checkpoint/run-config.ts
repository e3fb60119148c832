/** What a run was made with: enough to rebuild its encoder, head, method and input, and to say how it was trained. */
import type { DataOrigin } from '../data/dataset.ts';
import { CheckpointError } from '../errors.ts';
import { isObject } from '../files/strict-json.ts';
import { describe } from '../validate.ts';

export type JsonValue = null | boolean | number | string | JsonValue[] | JsonObject;

export interface JsonObject {
  [name: string]: JsonValue;
}

/** Plain data, as `config.json` holds it. */
export interface RunConfig {
  /** Version of this layout. */
  format: 1;
  /**
   * What makes the encoder again: its registered name and the options that this takes, which it checks itself. Of another
   * encoder the name of its class, and the `file` of its code where that is known.
   */
  encoder: { readonly name: string; readonly [option: string]: boolean | number | string };
  /** Options of the projection head; null without one. */
  head: JsonObject | null;
  /** What made the loss: the name of a method, and its options. */
  method: { readonly name: string; readonly [option: string]: JsonValue };
  /** The augmentation of each view, as plain data. */
  augment: JsonObject[];
  /** The preset that made it, { name, … }, and its options; absent where another program did. */
  preset?: JsonObject;
  /** The recipe that the training began with, whole, { name, title, source, … }; what the training came to stands beside it. */
  recipe?: JsonObject;
  input: {
    /** Side of the encoder's square input, pixels. */
    size: number;
    channels: number;
    /** Per channel, of values scaled to 0 … 1. */
    mean: number[];
    std: number[];
  };
  optimizer: JsonObject;
  schedule: JsonObject;
  batchSize: number;
  /** Which samples make the batches; absent for all of them in a new order each epoch. */
  sampler?: JsonObject;
  /** Samples at once, where gradients are cached; absent elsewhere. */
  microBatch?: number;
  /** Batches whose gradients are added up for an update, where there are several; absent elsewhere. */
  accumulate?: number;
  /** Of averaged weights: { decay }; absent elsewhere. */
  ema?: JsonObject;
  /** false where batch normalisation takes the statistics of each process by itself; absent elsewhere. */
  syncBatchNorm?: boolean;
  /** false where the loss of each process compares its own samples alone; absent elsewhere. */
  gather?: boolean;
  epochs: number;
  seed: number;
  precision: 'float32' | 'bfloat16' | 'float16';
  /** Images a second in float32 and another, where they were measured to choose. */
  precisionSpeeds?: { float32: number; bfloat16?: number; float16?: number };
  /** Of a classifier: the names of its classes, where the data set has some. */
  classes?: string[];
  data: DataOrigin;
  /** What the run was trained on, so that going on with other images is noticed. */
  dataset?: DatasetMark;
}

/** What decides the weights: a run goes on with these alone. The number of epochs may be another. */
export const decidingFields = [
  ...(['encoder', 'head', 'method', 'augment', 'input', 'optimizer', 'schedule', 'batchSize', 'sampler'] as const),
  ...(['microBatch', 'accumulate', 'ema', 'syncBatchNorm', 'gather', 'seed', 'precision'] as const),
] as const satisfies readonly (keyof RunConfig)[];

/** Enough of a data set to tell it from another one. */
export interface DatasetMark {
  length: number;
  /** Names; null where the data set has none. */
  classes: string[] | null;
  /** Some samples, evenly spread. */
  samples: SampleMark[];
}

export interface SampleMark {
  id: number;
  label: number | null;
  height: number;
  width: number;
  channels: number;
  /** Of the pixels, 0 to 255. */
  mean: number;
}

type Check = (value: unknown) => boolean;

const isCount: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 1;
const isNatural: Check = (value) => value === 0 || isCount(value);
const isSwitch: Check = (value) => value === undefined || typeof value === 'boolean';
const isObjectOrAbsent: Check = (value) => value === undefined || isObject(value);
const isCountOrAbsent: Check = (value) => value === undefined || isCount(value);
const isString: Check = (value) => typeof value === 'string' && value !== '';
const isBetween =
  (least: number, most: number): Check =>
  (value) =>
    typeof value === 'number' && value >= least && value <= most;
const areAll =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.length > 0 && value.every(check);
/** Only the trainer reads it, and compares it whole. */
const isMark: Check = (value) => value === undefined || (isObject(value) && Array.isArray(value.samples));
const isNames: Check = (value) => value === undefined || (Array.isArray(value) && value.every(isString));
const isSpeeds: Check = (value) =>
  value === undefined ||
  (isObject(value) &&
    [value.float32, value.bfloat16 ?? value.float16].every((speed) => Number.isFinite(speed) && (speed as number) > 0));
const isHeldOut: Check = (value) =>
  isObject(value) && isBetween(0, 1)(value.fraction) && value.fraction !== 0 && isNatural(value.seed);
const orNull =
  (check: Check): Check =>
  (value) =>
    value === null || check(value);

/** Path in the config, what it must be, and the check. */
const kFields: readonly [string, string, Check][] = [
  ['encoder', 'an object', isObject],
  ['encoder.name', 'a non-empty string', isString],
  ['encoder.file', 'a non-empty string, or absent', (value) => value === undefined || isString(value)],
  ['head', 'an object or null', orNull(isObject)],
  ['method', 'an object', isObject],
  ['method.name', 'a non-empty string', isString],
  ['augment', 'an array of objects', (value) => Array.isArray(value) && value.every(isObject)],
  ['preset', 'an object, or absent', isObjectOrAbsent],
  ['recipe', 'an object, or absent', isObjectOrAbsent],
  ['input', 'an object', isObject],
  // A file from elsewhere decides the memory of the first pass: 2048² pixels are a gigabyte in a wide layer.
  ['input.size', 'an integer from 1 to 2048', (value) => isCount(value) && (value as number) <= 2048],
  ['input.channels', 'an integer >= 1', isCount],
  ['input.mean', 'an array of numbers from -1000 to 1000', areAll(isBetween(-1000, 1000))],
  ['input.std', 'an array of numbers from 0.0001 to 1000', areAll(isBetween(1e-4, 1000))],
  ['optimizer', 'an object', isObject],
  ['schedule', 'an object', isObject],
  ['batchSize', 'an integer >= 1', isCount],
  ['sampler', 'an object, or absent', isObjectOrAbsent],
  ['microBatch', 'an integer >= 1, or absent', isCountOrAbsent],
  ['accumulate', 'an integer >= 1, or absent', isCountOrAbsent],
  ['ema', 'an object, or absent', isObjectOrAbsent],
  ['syncBatchNorm', 'true or false, or absent', isSwitch],
  ['gather', 'true or false, or absent', isSwitch],
  ['epochs', 'an integer >= 0', isNatural],
  ['seed', 'an integer >= 0', isNatural],
  [
    'precision',
    "'float32', 'bfloat16' or 'float16'",
    (value) => ['float32', 'bfloat16', 'float16'].includes(value as string),
  ],
  ['precisionSpeeds', '{ float32, bfloat16 or float16 }, numbers above 0, or absent', isSpeeds],
  ['classes', 'an array of strings, or absent', isNames],
  ['data', 'an object', isObject],
  ['data.name', 'a non-empty string', isString],
  ['data.path', 'a string or null', orNull((value) => typeof value === 'string')],
  ['data.limit', 'an integer >= 1 or null', orNull(isCount)],
  ['data.testLimit', 'an integer >= 1, or absent', isCountOrAbsent],
  ['data.split', 'a non-empty string, or absent', (value) => value === undefined || isString(value)],
  ['data.skipDamaged', 'true or false, or absent', isSwitch],
  ['data.heldOut', '{ fraction, seed }, or absent', (value) => value === undefined || isHeldOut(value)],
  ['dataset', 'an object with samples, or absent', isMark],
];

/**
 * Checks that `value` is a RunConfig of this version; returns it. Further fields are left alone.
 *
 * @param file named in messages.
 * @throws {CheckpointError} naming the file and the field, what was expected and what came.
 */
export function checkRunConfig(value: unknown, file: string): RunConfig {
  if (!isObject(value)) throw new CheckpointError(`${file}: expected a JSON object, got ${describe(value)}`);
  if (value.format !== 1)
    throw new CheckpointError(`${file}: format must be 1, got ${describe(value.format)}; written by another version?`);
  for (const [path, expected, check] of kFields) {
    const field = path.split('.').reduce<unknown>((at, name) => (isObject(at) ? at[name] : undefined), value);
    if (!check(field)) throw new CheckpointError(`${file}: ${path} must be ${expected}, got ${describe(field)}`);
  }
  const { mean, std, channels } = value.input as RunConfig['input'];
  if (mean.length !== channels || std.length !== channels)
    throw new CheckpointError(`${file}: input.mean and input.std must have ${channels} numbers`);
  return value as unknown as RunConfig;
}
