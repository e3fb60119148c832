/** `train --resume DIR`, `--config FILE` and `--recipe NAME`: a config's training, with the options that were typed beside it. */
import { type PresetName, presetVariants } from '../augment/presets.ts';
import { holdsClassifier } from '../checkpoint/classifier.ts';
import { RunFolder } from '../checkpoint/run.ts';
import type { JsonObject, RunConfig } from '../checkpoint/run-config.ts';
import type { DatasetInput } from '../data/load.ts';
import { OptionError } from '../errors.ts';
import { fieldsOfRun, type PartialConfig, readTraining } from './config-file.ts';
import { dataText, parseData } from './data-option.ts';
import { methodFrom, typedMethod } from './methods.ts';
import { optimizerFrom, scheduleFrom } from './optimizers.ts';
import { parseOptions } from './options.ts';
import { chosenName, type Part, partOf, type Typed } from './parts.ts';
import { readRecipe } from './recipe-file.ts';
import { samplerChoices, samplerFlagNames } from './sampler-option.ts';
import { encoderVariants, type TrainOptions, trainOptions } from './train-options.ts';
import type { TrainingSpec } from './training.ts';
import { trainingSpec, usualPreset } from './training-spec.ts';
import { viewFlags } from './views-file.ts';

type Beginning = Pick<TrainOptions, 'resume' | 'config' | 'recipe' | 'out' | 'init' | 'augment'>;

/**
 * What `--resume`, `--config` or `--recipe` names; undefined without any.
 * @throws {OptionError} two of them, or a file with a field that no config has; {CheckpointError} a file that cannot be read.
 */
export async function readConfig({
  resume,
  config: file,
  recipe,
  out,
  init,
  augment,
}: Beginning): Promise<PartialConfig | undefined> {
  if (resume !== undefined) {
    const beside = Object.entries({ config: file, recipe, out, init, augment }).find(
      ([, value]) => value !== undefined,
    );
    if (beside !== undefined)
      throw new OptionError(`--${beside[0]} does not go with --resume: the run in that folder has its own`);
    const { config } = await RunFolder.open(resume);
    if (holdsClassifier(config))
      throw new OptionError(
        `${resume}: this run is a fine-tuning: contrastive fine-tune with its options and --resume goes on`,
      );
    return config;
  }
  if (recipe !== undefined) {
    if (file !== undefined) throw new OptionError('--config does not go with --recipe: both say what to train');
    const { training, whole } = await readRecipe(recipe);
    return { ...training, recipe: whole };
  }
  return file === undefined ? undefined : readTraining(file, fieldsOfRun);
}

/** Fields whose name and options are typed each by itself. */
type OfParts = 'encoder' | 'method' | 'optimizer' | 'schedule';

/** Which options decide a field: where none of them was typed, it is the config's, word for word. */
const deciders: Readonly<Record<Exclude<keyof TrainingSpec, OfParts>, readonly string[]>> = {
  head: ['headDim', 'method', 'loss'],
  augment: ['data', ...viewFlags],
  preset: ['data', ...viewFlags],
  input: ['data', 'size'],
  batchSize: ['batchSize'],
  sampler: samplerFlagNames,
  microBatch: ['microBatch'],
  accumulate: ['accumulate'],
  ema: ['ema'],
  syncBatchNorm: ['noSyncBatchNorm'],
  gather: [],
  epochs: ['epochs'],
  seed: ['seed'],
  precision: ['precision'],
  recipe: [],
};

/** Fields that `--augment` decides: its file's are in the config (`withViews`). */
const ofViews: readonly string[] = ['augment', 'preset', 'input'];

/** Whether `--data` names the data set of a config, which may lie elsewhere now. */
const isKindOf = (text: string | undefined, data: PartialConfig['data']): boolean =>
  text !== undefined && parseData(text).name === data?.name;

/**
 * @param given names of the options that were typed. Data of the same kind that lie elsewhere change nothing.
 * @param usual input and method that go with the data; those of the config go first.
 */
export function specOf(
  options: TrainOptions,
  given: ReadonlySet<string>,
  { method: usualMethod = 'supcon', ...usual }: DatasetInput & { readonly method?: string },
  config: PartialConfig | undefined,
): TrainingSpec {
  const typed = { options, given };
  const isMoved = isKindOf(options.data, config?.data);
  const method = methodFrom(typed, config?.method, usualMethod);
  const hasOwnViews = given.has('augment');
  const isSame = (option: string): boolean =>
    (option === 'data' && isMoved) || (['method', 'loss'].includes(option) && method.name === config?.method?.name);
  const isDecided = (option: string): boolean => given.has(option) && !isSame(option);
  const profile = { ...usual, ...(isDecided('data') && !hasOwnViews ? {} : config?.input) };
  const { size = profile.size } = options;
  const spec = trainingSpec(
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
    .filter(([field]) => field in config || (field === 'preset' && 'augment' in config))
    .filter(([field, by]) => (hasOwnViews && ofViews.includes(field)) || !by.some(isDecided))
    .map(([field]) => [field, config[field as keyof TrainingSpec]]);
  const { input, ...others } = Object.fromEntries(kept) as Partial<TrainingSpec>;
  const whole = { ...spec, ...others, input: { ...spec.input, ...input } };
  const merged = { ...whole, head: whole.head && { seed: whole.seed, ...whole.head } };
  return given.has('seed') ? { ...merged, ...seeded(merged) } : merged;
}

/** The training that a config comes to by itself. @param usual input of its data. */
export function specOfConfig(config: PartialConfig, usual: DatasetInput): TrainingSpec {
  const { options, given } = parseOptions([], trainOptions, { where: 'contrastive train' });
  return specOf(withConfig(options as TrainOptions, given, config), given, usual, config);
}

/** The encoder that was typed, or the config's, with what was typed of its options. */
export function encoderFrom(typed: Typed, config: PartialConfig['encoder']): Part {
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
  const method = typedMethod({ options: typed, given: new Set(Object.keys(typed)) }, config.method)?.name;
  const isTyped = (name: keyof TrainOptions, own: unknown): boolean => name in typed && typed[name] !== own;
  const choices = {
    size: input?.size,
    ...{ batchSize, microBatch, accumulate, epochs, seed, precision },
    headDim: method === undefined || method === config.method?.name ? head?.outFeatures : undefined,
    ...(!isTyped('sampler', config.sampler?.name) && samplerChoices(config.sampler)),
    ...(data !== undefined && (!('data' in typed) || isKindOf(typed.data, data)) && dataChoices(data)),
  };
  return Object.fromEntries(Object.entries(choices).filter(([, value]) => value !== undefined)) as Choices;
}

const dataChoices = ({ limit, testLimit, split, skipDamaged, ...data }: RunConfig['data']): object => ({
  data: dataText(data),
  limitTrain: limit ?? undefined,
  limitTest: testLimit,
  ...{ split, skipDamaged },
});
