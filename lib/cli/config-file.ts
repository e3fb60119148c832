/** What a file says of a training: a run's config.json, part of one that was written by hand, a recipe. */
import { dirname, resolve } from 'node:path';
import { decidingFields, type RunConfig } from '../checkpoint/run-config.ts';
import { OptionError } from '../errors.ts';
import { readJson } from '../files/read.ts';
import { isObject } from '../files/strict-json.ts';
import { checkNames } from '../options/names.ts';
import type { PrecisionOption } from '../tensor/precision.ts';
import { describe } from '../validate.ts';

/** A config of a run, or part of one. */
export interface PartialConfig extends Partial<Omit<RunConfig, 'precision'>> {
  readonly precision?: PrecisionOption;
}

const objects = ['encoder', 'head', 'method', 'input', 'optimizer', 'schedule', 'preset', 'sampler', 'ema', 'data'];

const fields = [...decidingFields, 'preset', 'epochs', 'data'];

/** Of a run; a training finds them out for itself, but for the recipe. */
export const fieldsOfRun = ['format', 'recipe', 'precisionSpeeds', 'classes', 'dataset'] as const;

/**
 * The JSON object in `file`, with names that are known and parts that are objects; whoever takes a value checks it. Relative paths are
 * of its folder.
 * @param beside names that it may have beside those of a training.
 * @throws {OptionError} something else; {CheckpointError} the file cannot be read.
 */
export async function readTraining(file: string, beside: readonly string[]): Promise<PartialConfig> {
  const config = await readJson(file);
  if (!isObject(config)) throw new OptionError(`${file}: must hold a JSON object, got ${describe(config)}`);
  checkNames(file, config, [...fields, ...beside]);
  for (const name of objects) {
    const value = config[name];
    const isFine = value === undefined || isObject(value) || (name === 'head' && value === null);
    if (!isFine) throw new OptionError(`${file}: ${name} must be an object, got ${describe(value)}`);
  }
  if (config.augment !== undefined && !(Array.isArray(config.augment) && config.augment.every(isObject)))
    throw new OptionError(`${file}: augment must be an array with an object a view, got ${describe(config.augment)}`);
  if (config.augment !== undefined && config.input === undefined)
    throw new OptionError(`${file}: augment needs input beside it, { size, channels, mean, std } of its views`);
  return withAbsolutePaths(config as PartialConfig, dirname(resolve(file)));
}

function withAbsolutePaths(config: PartialConfig, folder: string): PartialConfig {
  const { encoder, sampler, data } = config;
  const isPath = typeof data?.path === 'string' && data.path !== 'bundled';
  return {
    ...config,
    ...(typeof encoder?.file === 'string' && { encoder: { ...encoder, file: resolve(folder, encoder.file) } }),
    ...(typeof sampler?.file === 'string' && { sampler: { ...sampler, file: resolve(folder, sampler.file) } }),
    ...(isPath && { data: { ...data, path: resolve(folder, data.path as string) } }),
  };
}
