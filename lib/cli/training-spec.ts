/** From what was chosen of a training, with the defaults that go with it, to the training as plain data. */
import type { PresetName } from '../augment/presets.ts';
import { presetViews } from '../augment/presets.ts';
import type { DatasetInput } from '../data/load.ts';
import { encoderFacts } from '../encoders/all.ts';
import type { MethodSpec } from '../methods/all.ts';
import type { PrecisionOption } from '../tensor/precision.ts';
import { json } from '../train/config-of.ts';
import { encoderConfig } from './encoder-option.ts';
import { defaultsOfMethod } from './methods.ts';
import type { Part } from './parts.ts';
import { type SamplerChoices, samplerConfig } from './sampler-option.ts';
import type { TrainingSpec } from './training.ts';

/** What was chosen; the rest gets the default that goes with it. */
export interface TrainingChoices extends SamplerChoices {
  /** With what was chosen of its options. */
  readonly method: MethodSpec;
  /** A name or the path of a file, with what was chosen of its options. */
  readonly encoder: Part;
  /** Of the views. Default: `usualPreset`. */
  readonly preset?: Part | undefined;
  /** Default: the data set's. */
  readonly size?: number | undefined;
  /** Default: what goes with the method. */
  readonly headDim?: number | undefined;
  readonly optimizer: Part;
  readonly schedule: Part;
  /** Default: what goes with the data. */
  readonly batchSize?: number | undefined;
  /** Default: the batch size. */
  readonly microBatch?: number | undefined;
  /** Default 1. */
  readonly accumulate?: number | undefined;
  /** Decay of the averaged weights. Default: there are none. */
  readonly ema?: number | undefined;
  /** Default false. */
  readonly noSyncBatchNorm?: boolean | undefined;
  /** Default: what goes with the data. */
  readonly epochs?: number | undefined;
  readonly precision: PrecisionOption;
  readonly seed: number;
}

/** Gray images are replicated: one kind of encoder for all data sets, and torchvision's weights fit. */
const channels = 3;

/** Up to 64 pixels SupContrast's views for CIFAR; above, those of the method's own recipe. */
export const usualPreset = (method: string, size: number): PresetName =>
  size <= 64 ? 'supcon' : defaultsOfMethod(method).preset;

/** One augmentation a view, as plain data. */
function viewsOf({ name, ...options }: Part, { size, mean, std }: TrainingSpec['input']): TrainingSpec['augment'] {
  const views = presetViews(name as PresetName, { ...options, size, mean, std, channels });
  return (Array.isArray(views) ? views : [views, views]).map((view) => json(view));
}

export const aChannel = (value: number | readonly number[]): number[] =>
  typeof value === 'number' ? new Array<number>(channels).fill(value) : [...value];

/** @throws {OptionError} views with a value out of range. */
export function trainingSpec(choices: TrainingChoices, profile: DatasetInput): TrainingSpec {
  const { size = profile.size, headDim, optimizer, schedule, seed, epochs, precision } = choices;
  const { batchSize, microBatch, accumulate, ema, noSyncBatchNorm } = choices;
  const input = { size, channels, mean: aChannel(profile.mean), std: aChannel(profile.std) };
  const { method, preset = { name: usualPreset(method.name, size) } } = choices;
  const { head } = defaultsOfMethod(method.name);
  const sampler = samplerConfig(choices);
  return {
    encoder: encoderOf(choices, size),
    head: json({ name: 'projection-head', ...head, ...(headDim !== undefined && { outFeatures: headDim }), seed }),
    method: json(method) as TrainingSpec['method'],
    augment: viewsOf(preset, input),
    preset,
    input,
    optimizer,
    schedule,
    ...(batchSize !== undefined && { batchSize }),
    ...(sampler !== undefined && { sampler }),
    ...(microBatch !== undefined && { microBatch }),
    ...(accumulate !== undefined && { accumulate }),
    ...(ema !== undefined && { ema: { decay: ema } }),
    ...(noSyncBatchNorm && { syncBatchNorm: false }),
    ...(epochs !== undefined && { epochs }),
    precision,
    seed,
  };
}

function encoderOf({ encoder, seed }: TrainingChoices, size: number): TrainingSpec['encoder'] {
  const { name, ...options } = encoder;
  const config = encoderConfig(name);
  if (config.file !== undefined) return { ...config, ...options } as TrainingSpec['encoder'];
  return {
    ...config,
    ...encoderFacts(name).forImages?.(size),
    inChannels: channels,
    seed,
    ...options,
  } as TrainingSpec['encoder'];
}
