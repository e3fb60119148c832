/** What a run was made with: enough to rebuild its encoder, head, loss and input, and to say how it was trained. */
import { CheckpointError } from '../errors.ts';
import { describe } from '../validate.ts';
import { isObject } from './strict-json.ts';

export type JsonValue = null | boolean | number | string | JsonValue[] | JsonObject;

export interface JsonObject {
  [name: string]: JsonValue;
}

/** Plain data, as `config.json` holds it. */
export interface RunConfig {
  /** Version of this layout. */
  format: 1;
  encoder: {
    /** 'resnet18' … 'resnet152'. */
    name: string;
    stem: 'imagenet' | 'cifar';
    /** Channels of the first stage; 64 is torchvision's. */
    width: number;
    inChannels: number;
    zeroInitResidual: boolean;
  };
  /** Options of the projection head; null without one. */
  head: JsonObject | null;
  loss: JsonObject;
  /** The augmentation of each view, as plain data. */
  augment: JsonObject[];
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
  /** Samples at once, where gradients are cached; absent elsewhere. */
  microBatch?: number;
  /** Momentum contrast: { momentum, queueSize }; absent elsewhere. */
  momentumEncoder?: JsonObject;
  epochs: number;
  seed: number;
  precision: 'float32' | 'bfloat16';
  /** Images a second in each, where they were measured to choose. */
  precisionSpeeds?: { float32: number; bfloat16: number };
  /** Of a classifier: the names of its classes, where the data set has some. */
  classes?: string[];
  data: {
    name: string;
    path: string | null;
    /** Training samples used; null for all. */
    limit: number | null;
  };
}

type Check = (value: unknown) => boolean;

const isCount: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 1;
const isString: Check = (value) => typeof value === 'string' && value !== '';
const isNumbers: Check = (value) => Array.isArray(value) && value.length > 0 && value.every(Number.isFinite);
const isNames: Check = (value) => value === undefined || (Array.isArray(value) && value.every(isString));
const isSpeeds: Check = (value) =>
  value === undefined ||
  (isObject(value) &&
    [value.float32, value.bfloat16].every((speed) => Number.isFinite(speed) && (speed as number) > 0));
const orNull =
  (check: Check): Check =>
  (value) =>
    value === null || check(value);

/** Path in the config, what it must be, and the check. */
const kFields: readonly [string, string, Check][] = [
  ['encoder', 'an object', isObject],
  ['encoder.name', 'a non-empty string', isString],
  ['encoder.stem', "'imagenet' or 'cifar'", (value) => value === 'imagenet' || value === 'cifar'],
  ['encoder.width', 'an integer >= 1', isCount],
  ['encoder.inChannels', 'an integer >= 1', isCount],
  ['encoder.zeroInitResidual', 'true or false', (value) => typeof value === 'boolean'],
  ['head', 'an object or null', orNull(isObject)],
  ['loss', 'an object', isObject],
  ['augment', 'an array of objects', (value) => Array.isArray(value) && value.every(isObject)],
  ['input', 'an object', isObject],
  ['input.size', 'an integer >= 1', isCount],
  ['input.channels', 'an integer >= 1', isCount],
  ['input.mean', 'an array of numbers', isNumbers],
  ['input.std', 'an array of numbers', isNumbers],
  ['optimizer', 'an object', isObject],
  ['schedule', 'an object', isObject],
  ['batchSize', 'an integer >= 1', isCount],
  ['epochs', 'an integer >= 1', isCount],
  ['seed', 'an integer >= 0', (value) => Number.isSafeInteger(value) && (value as number) >= 0],
  ['precision', "'float32' or 'bfloat16'", (value) => value === 'float32' || value === 'bfloat16'],
  ['precisionSpeeds', '{ float32, bfloat16 }, numbers above 0, or absent', isSpeeds],
  ['classes', 'an array of strings, or absent', isNames],
  ['data', 'an object', isObject],
  ['data.name', 'a non-empty string', isString],
  ['data.path', 'a string or null', orNull((value) => typeof value === 'string')],
  ['data.limit', 'an integer >= 1 or null', orNull(isCount)],
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
  if (mean.length !== channels || std.length !== channels || std.some((deviation) => deviation <= 0))
    throw new CheckpointError(`${file}: input.mean and input.std must have ${channels} numbers, std above 0`);
  return value as unknown as RunConfig;
}
