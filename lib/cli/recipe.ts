/** A training recipe: from what was chosen, with the defaults that go with it, to a training as plain data. */
import type { Augmentation } from '../augment/augment.ts';
import { blurWith, colorDistortion, isSmall, recipe } from '../augment/presets/options.ts';
import { randomHorizontalFlip } from '../augment/random-horizontal-flip.ts';
import { randomResizedCrop } from '../augment/random-resized-crop.ts';
import { encoderFacts } from '../encoders/all.ts';
import { OptionError } from '../errors.ts';
import type { OptimizerSpec } from '../optim/optimizer.ts';
import type { PrecisionOption } from '../tensor/precision.ts';
import { json } from '../train/config-of.ts';
import type { DataProfile } from './data-option.ts';
import { encoderConfig } from './encoder-option.ts';
import { type MethodChoices, type MethodName, methodRecipes } from './methods.ts';
import { type SamplerChoices, samplerConfig } from './sampler-option.ts';
import type { TrainingSpec } from './training.ts';

/** What was chosen; the rest gets the default that goes with it. */
export interface RecipeChoices extends MethodChoices, SamplerChoices {
  readonly method: MethodName;
  /** A name, or the path of a file. */
  readonly encoder: string;
  /** Of the package's encoders that have them; the default goes with the size of the images. */
  readonly width?: number | undefined;
  readonly stem?: 'imagenet' | 'cifar' | undefined;
  readonly patch?: number | undefined;
  /** Default: the data set's. */
  readonly size?: number | undefined;
  /** Default: what goes with the method. */
  readonly headDim?: number | undefined;
  readonly optimizer: OptimizerSpec['name'];
  /** Default 0.05 for sgd, 0.001 for adamw, 0.3 for lars. */
  readonly lr?: number | undefined;
  /** Default 1e-4 for sgd, 0.01 for adamw, 1e-6 for lars. */
  readonly weightDecay?: number | undefined;
  /** Share of all steps. */
  readonly warmup: number;
  /** Least part of the image's area that a crop keeps. Default 0.2; 0.08 for simclr above 64 pixels. */
  readonly cropMin?: number | undefined;
  /** Strength x of the colour jitter (x, x, x, x/4). Default 0.4 up to 64 pixels and for moco, 0.8 above. */
  readonly jitter?: number | undefined;
  /** Probability. Default 0 up to 64 pixels, 0.5 above. */
  readonly blur?: number | undefined;
  /** Default 256, or all of fewer images. */
  readonly batchSize?: number | undefined;
  /** Default: the batch size. */
  readonly microBatch?: number | undefined;
  readonly epochs: number;
  readonly precision: PrecisionOption;
  readonly seed: number;
}

/** Gray images are replicated: one kind of encoder for all data sets, and torchvision's weights fit. */
const channels = 3;

const optimizers: Readonly<Record<OptimizerSpec['name'], { lr: number; weightDecay: number; momentum?: number }>> = {
  sgd: { lr: 0.05, weightDecay: 1e-4, momentum: 0.9 },
  adamw: { lr: 0.001, weightDecay: 0.01 },
  lars: { lr: 0.3, weightDecay: 1e-6, momentum: 0.9 },
};

const cropMinOf = ({ method, cropMin }: RecipeChoices, size: number): number =>
  cropMin ?? (isSmall(size) || method !== 'simclr' ? 0.2 : 0.08);

/**
 * Up to 64 pixels SupContrast's views for CIFAR: crop, flip, jitter (.4, .4, .4, .1) p 0.8, gray 0.2. Above, SimCLR's for
 * ImageNet: jitter (.8, .8, .8, .2), and blur; for moco MoCo v2's, `presets.mocoV2`: jitter as below, and blur.
 */
function viewsOf(choices: RecipeChoices, { size, mean, std }: TrainingSpec['input']): Augmentation {
  const { method } = choices;
  const cropMin = cropMinOf(choices, size);
  const { jitter = isSmall(size) || method === 'moco' ? 0.4 : 0.8, blur = isSmall(size) ? 0 : 0.5 } = choices;
  return recipe({ mean, std, channels }, [
    randomResizedCrop(size, { scale: [cropMin, 1] }),
    randomHorizontalFlip(),
    ...colorDistortion({ brightness: jitter, contrast: jitter, saturation: jitter, hue: jitter / 4 }),
    ...blurWith(blur, size),
  ]);
}

function optimizerOf({ optimizer, lr, weightDecay }: RecipeChoices): OptimizerSpec {
  const defaults = optimizers[optimizer];
  return {
    name: optimizer,
    ...defaults,
    ...(lr !== undefined && { lr }),
    ...(weightDecay !== undefined && { weightDecay }),
  };
}

const aChannel = (value: number | readonly number[]): number[] =>
  typeof value === 'number' ? new Array<number>(channels).fill(value) : [...value];

/** @throws {OptionError} views with a value out of range, or options of the package's encoders beside a file. */
export function recipeOf(choices: RecipeChoices, profile: DataProfile): TrainingSpec {
  const { size = profile.size, headDim, warmup, seed, batchSize, microBatch, epochs, precision } = choices;
  const input = { size, channels, mean: aChannel(profile.mean), std: aChannel(profile.std) };
  const view = json(viewsOf(choices, input));
  const sampler = samplerConfig(choices);
  const { head, specOf } = methodRecipes[choices.method];
  return {
    encoder: encoderOf(choices, size),
    head: { name: 'projection-head', ...head, ...(headDim !== undefined && { outFeatures: headDim }), seed },
    method: json(specOf(choices)) as TrainingSpec['method'],
    augment: [view, view],
    input,
    optimizer: json(optimizerOf(choices)),
    schedule: { name: 'cosine', warmup },
    ...(batchSize !== undefined && { batchSize }),
    ...(sampler !== undefined && { sampler }),
    ...(microBatch !== undefined && { microBatch }),
    epochs,
    precision,
    seed,
  };
}

function encoderOf({ encoder, width, stem, patch, seed }: RecipeChoices, size: number): TrainingSpec['encoder'] {
  const config = encoderConfig(encoder);
  const flags = { stem, width, patch };
  const typed: Record<string, number | string> = {};
  for (const [flag, value] of Object.entries(flags)) if (value !== undefined) typed[flag] = value;
  const { options, forImages } = encoderFacts(config.name);
  for (const flag of Object.keys(typed)) {
    if (config.file !== undefined)
      throw new OptionError(`--${flag} belongs to the encoders of the package, not to a file`);
    if (options === undefined || flag in options) continue;
    const own = Object.keys(flags).filter((name) => name in options);
    throw new OptionError(`--${flag} is no option of ${config.name}, which has --${own.join(', --')}`);
  }
  return config.file === undefined ? { ...config, ...forImages?.(size), ...typed, inChannels: channels, seed } : config;
}
