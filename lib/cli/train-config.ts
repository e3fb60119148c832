/** `train --resume DIR` and `--config FILE`: a config's training, with the options that were typed beside it. */
import { dirname, resolve } from 'node:path';
import { type PresetName, presetVariants } from '../augment/presets.ts';
import { RunFolder } from '../checkpoint/run.ts';
import type { JsonObject, RunConfig } from '../checkpoint/run-config.ts';
import type { DatasetInput } from '../data/load.ts';
import { OptionError } from '../errors.ts';
import { readJson } from '../files/read.ts';
import { isObject } from '../files/strict-json.ts';
import { checkOptions, describe } from '../validate.ts';
import { dataText } from './data-option.ts';
import { flagsOfVariants } from './flags.ts';
import { methodFrom } from './methods.ts';
import { optimizerFrom, scheduleFrom } from './optimizers.ts';
import { chosenName, type Part, partOf, type Typed } from './parts.ts';
import { recipeOf, usualPreset } from './recipe.ts';
import { samplerChoices, samplerFlagNames } from './sampler-option.ts';
import { encoderVariants, type TrainOptions } from './train-options.ts';
import type { TrainingSpec } from './training.ts';

/** A config of a run, or part of one that was written by hand. */
export type PartialConfig = Partial<RunConfig>;

const objects = [
  'encoder',
  'head',
  'method',
  'input',
  'optimizer',
  'schedule',
  'preset',
  'sampler',
  'ema',
  'data',
] as const;
const fields = [
  ...objects,
  ...['format', 'augment', 'batchSize', 'microBatch', 'accumulate', 'epochs', 'seed', 'precision'],
  ...['precisionSpeeds', 'classes', 'dataset'], // of a run; a training finds them out for itself
];

/**
 * The config that `--resume` or `--config` names; undefined without either. Relative paths in a file are of its folder.
 * @throws {OptionError} both, or a file with a field that no config has; {CheckpointError} a file that cannot be read.
 */
export async function readConfig({
  resume,
  config: file,
  out,
  init,
}: TrainOptions): Promise<PartialConfig | undefined> {
  if (resume !== undefined) {
    const beside = Object.entries({ config: file, out, init }).find(([, value]) => value !== undefined);
    if (beside !== undefined)
      throw new OptionError(`--${beside[0]} does not go with --resume: the run in that folder has its own`);
    return (await RunFolder.open(resume)).config;
  }
  if (file === undefined) return undefined;
  const config = await readJson(file);
  if (!isObject(config)) throw new OptionError(`${file}: must hold a JSON object, got ${describe(config)}`);
  checkOptions(file, config, fields);
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

/** Which options decide a field: where none of them was typed, it is the config's, word for word. */
const deciders: Readonly<Partial<Record<keyof TrainingSpec, readonly string[]>>> = {
  head: ['headDim', 'method'],
  augment: ['data', 'size', 'preset', ...Object.keys(flagsOfVariants(presetVariants))],
  preset: ['data', 'size', 'preset', ...Object.keys(flagsOfVariants(presetVariants))],
  input: ['data', 'size'],
  batchSize: ['batchSize'],
  sampler: samplerFlagNames,
  microBatch: ['microBatch'],
  accumulate: ['accumulate'],
  ema: ['ema'],
  epochs: ['epochs'],
  seed: ['seed'],
  precision: ['precision'],
};

/** Whether `--data` names the data set of a config, which may lie elsewhere now. */
const isKindOf = (text: string | undefined, data: PartialConfig['data']): boolean => text?.split(':')[0] === data?.name;

/**
 * @param given names of the options that were typed. Data of the same kind that lie elsewhere change nothing.
 * @param usual input of the data; that of the config goes first.
 */
export function specOf(
  options: TrainOptions,
  given: ReadonlySet<string>,
  usual: DatasetInput,
  config: PartialConfig | undefined,
): TrainingSpec {
  const typed = { options, given };
  const isMoved = isKindOf(options.data, config?.data);
  const method = methodFrom(typed, config?.method);
  const isSame = (option: string): boolean =>
    (option === 'data' && isMoved) || (option === 'method' && method.name === config?.method?.name);
  const isDecided = (option: string): boolean => given.has(option) && !isSame(option);
  const profile = { ...usual, ...(isDecided('data') ? {} : config?.input) };
  const { size = profile.size } = options;
  const spec = recipeOf(
    {
      ...options,
      method,
      encoder: encoderFrom(typed, config?.encoder),
      optimizer: optimizerFrom(typed, config?.optimizer),
      schedule: scheduleFrom(typed, config?.schedule),
      preset: presetFrom(typed, config?.preset, usualPreset(method.name, size)),
    },
    profile,
  );
  if (config === undefined) return spec;
  const kept = Object.entries(deciders)
    .filter(([field, by]) => (field in config || (field === 'preset' && 'augment' in config)) && !by.some(isDecided))
    .map(([field]) => [field, config[field as keyof TrainingSpec]]);
  const { input, ...others } = Object.fromEntries(kept) as Partial<TrainingSpec>;
  const merged = { ...spec, ...others, input: { ...spec.input, ...input } };
  return given.has('seed') ? { ...merged, ...seeded(merged) } : merged;
}

/** The encoder that was typed, or the config's, with what was typed of its options. */
function encoderFrom(typed: Typed, config: PartialConfig['encoder']): Part {
  const name = chosenName('encoder', typed, config?.file ?? config?.name, 'resnet18');
  const { file, ...own }: JsonObject = config ?? {};
  const before = config !== undefined && name === (file ?? own.name) ? { ...own, name } : undefined;
  return partOf('encoder', encoderVariants(), typed, { config: before, usual: { name } });
}

function presetFrom(typed: Typed, config: PartialConfig['preset'], usual: PresetName): Part {
  const name = chosenName('preset', typed, config?.name, usual);
  return partOf('preset', presetVariants, typed, { config, usual: { name } });
}

/** The parts that draw initial weights, with the seed of the training. */
function seeded({ encoder, head, seed }: TrainingSpec): Pick<TrainingSpec, 'encoder' | 'head'> {
  return {
    encoder: 'seed' in encoder ? { ...encoder, seed } : encoder,
    head: head !== null && 'seed' in head ? { ...head, seed } : head,
  };
}

/** The options that were typed, over those that a config stands for, over the defaults. */
export function withConfig(
  options: TrainOptions,
  given: ReadonlySet<string>,
  config: PartialConfig | undefined,
): TrainOptions {
  if (config === undefined) return options;
  const typed = Object.entries(options).filter(([name]) => given.has(name));
  return { ...options, ...choicesOf(config, Object.fromEntries(typed)), ...Object.fromEntries(typed) };
}

type Choices = { readonly [K in keyof TrainOptions]?: TrainOptions[K] };

/**
 * A config as options, as far as they can say it. Where another method or data set was typed, what
 * belongs to the config's own is left out. The values are checked by whoever takes them.
 */
function choicesOf(config: PartialConfig, typed: Choices): Choices {
  const { head, input, data } = config;
  const { batchSize, microBatch, accumulate, epochs, seed, precision } = config;
  const isTyped = (name: keyof TrainOptions, own: unknown): boolean => name in typed && typed[name] !== own;
  const choices = {
    size: input?.size,
    ...{ batchSize, microBatch, accumulate, epochs, seed, precision },
    headDim: isTyped('method', config.method?.name) ? undefined : head?.outFeatures,
    ...(!isTyped('sampler', config.sampler?.name) && samplerChoices(config.sampler)),
    ...(data !== undefined && (!('data' in typed) || isKindOf(typed.data, data)) && dataChoices(data)),
  };
  return Object.fromEntries(Object.entries(choices).filter(([, value]) => value !== undefined)) as Choices;
}

const dataChoices = ({ limit, split, skipDamaged, ...data }: RunConfig['data']): object => ({
  data: dataText(data),
  limitTrain: limit ?? undefined,
  ...{ split, skipDamaged },
});
