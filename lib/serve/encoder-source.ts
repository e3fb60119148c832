/** Where an embedder's encoder comes from: the checkpoint of a run, or a file of weights and the network that they are of. */
import { normalize } from '../augment/normalize.ts';
import { imagenet } from '../augment/presets/options.ts';
import { type ClassifierHead, classifierOf } from '../checkpoint/classifier.ts';
import { encoderOf } from '../checkpoint/encoder.ts';
import { openCheckpoint } from '../checkpoint/run.ts';
import type { RunConfig } from '../checkpoint/run-config.ts';
import { type Encoder, makeEncoder } from '../encoders/all.ts';
import { CheckpointError, OptionError } from '../errors.ts';
import type { ModuleConfig } from '../nn/module.ts';
import type { LoadedWeights } from '../nn/weights-file.ts';
import { countOption } from '../options/kinds.ts';
import type { OptionsOf, OptionTable, ResolvedOf } from '../options/option.ts';
import { asGiven } from '../options/resolve.ts';
import { expectString } from '../validate.ts';

export const weightsInputOptions = {
  /** Side of the square input in pixels, default 224. */
  size: { ...countOption, max: 2048, default: 224, value: 'PIXELS', help: 'side of the square input' },
  /** Of pixels in [0, 1]: one number for all channels, or one for each. Default ImageNet's; for one channel, the means of them. */
  mean: { type: 'checked', check: asGiven<number | readonly number[]> },
  std: { type: 'checked', check: asGiven<number | readonly number[]> },
} as const satisfies OptionTable;

/** How images become the input of an encoder whose weights do not say so. */
export interface WeightsInput extends OptionsOf<typeof weightsInputOptions> {}

function expectEncoder(name: string, value: string | ModuleConfig): string | ModuleConfig {
  expectString(name, typeof value === 'object' ? value?.name : value);
  return value;
}

/** Either `checkpoint`, or `encoder` and `weights`. */
export const sourceOptions = {
  /** The folder of a run (its newest good checkpoint is taken) or one of its checkpoint folders. */
  checkpoint: { type: 'string' },
  /** What `weights` are of: a registered name, or a config, `{ name: 'resnet18', stem: 'cifar' }`. */
  encoder: { type: 'checked', check: expectEncoder },
  /** A file of weights as `encoder.load()` takes it: safetensors or .pth, torchvision's, timm's, MoCo's … */
  weights: { type: 'string' },
  /** With `weights`: how images become the encoder's input. */
  input: { type: 'group', options: weightsInputOptions },
} as const satisfies OptionTable;

/** Either `checkpoint`, or `encoder` and `weights`. */
export interface EncoderSource extends OptionsOf<typeof sourceOptions> {}

/** Checked. */
export interface ResolvedSource extends ResolvedOf<typeof sourceOptions> {}

/** What an encoder is and where it came from. */
export interface EncoderOrigin {
  /** What it was made with. */
  readonly encoder: RunConfig['encoder'];
  /** Size in pixels, channels and normalisation of its input. */
  readonly input: RunConfig['input'];
  /** Folder of the checkpoint that was loaded. */
  readonly checkpoint?: string;
  /** Optimizer steps that the checkpoint has seen. */
  readonly step?: number;
  /** Path of the file of weights, and what was loaded from it. */
  readonly weights?: LoadedWeights & { readonly file: string };
}

export interface OpenedEncoder {
  readonly encoder: Encoder;
  readonly origin: EncoderOrigin;
  /** On the device of the encoder. */
  readonly classifier?: ClassifierHead;
}

/** @throws {OptionError} neither of the two sources, or parts of both. */
export function expectOneSource(where: string, { checkpoint, encoder, weights, input }: ResolvedSource): void {
  const isOne =
    checkpoint === undefined
      ? encoder !== undefined && weights !== undefined
      : encoder === undefined && weights === undefined && input === undefined;
  if (!isOne) throw new OptionError(`${where}: give checkpoint, or encoder and weights`);
}

/**
 * The encoder in evaluation mode, of a run with its classifier where that is asked for; the caller disposes them.
 * @throws {CheckpointError} what is missing, damaged or does not fit; {DeviceError} a device that is not there.
 * @throws {OptionError} an encoder or an input that is not known.
 */
export const openEncoder = (source: ResolvedSource, device: string, withClassifier: boolean): Promise<OpenedEncoder> =>
  source.checkpoint === undefined ? openWeights(source, device) : openRun(source.checkpoint, device, withClassifier);

async function openRun(path: string, device: string, withClassifier: boolean): Promise<OpenedEncoder> {
  const { run, checkpoint } = await openCheckpoint(path, { optimizer: false });
  const { encoder, input } = run.config;
  if (input.channels !== 1 && input.channels !== 3)
    throw new CheckpointError(`${run.path}: images have 1 or 3 channels, the encoder's input has ${input.channels}`);
  const origin = { encoder, input, checkpoint: checkpoint.folder, step: checkpoint.state.step };
  if (!withClassifier) return { encoder: encoderOf(run.config, checkpoint, device), origin };
  const { head, classes } = classifierOf(run, checkpoint);
  try {
    return {
      encoder: encoderOf(run.config, checkpoint, device),
      origin,
      classifier: { head: head.to(device), classes },
    };
  } catch (error) {
    head.dispose();
    throw error;
  }
}

async function openWeights({ encoder: of, weights, input }: ResolvedSource, device: string): Promise<OpenedEncoder> {
  const file = weights as string;
  const config = typeof of === 'string' ? { name: of } : (of as ModuleConfig);
  const encoder = makeEncoder(config);
  try {
    const made = encoder.config ?? config;
    const origin = { encoder: made, input: inputOf(made, input), weights: { ...(await encoder.load(file)), file } };
    return { encoder: encoder.eval().to(device), origin };
  } catch (error) {
    encoder.dispose();
    throw error;
  }
}

function inputOf(
  { inChannels = 3 }: ModuleConfig,
  { size = 224, ...statistics }: WeightsInput = {},
): RunConfig['input'] {
  if (inChannels !== 1 && inChannels !== 3)
    throw new OptionError(`images have 1 or 3 channels, the encoder's input has ${inChannels}`);
  const usual = (values: readonly number[]) => (inChannels === 3 ? values : [average(values)]);
  const { mean, std } = normalize(statistics.mean ?? usual(imagenet.mean), statistics.std ?? usual(imagenet.std));
  const perChannel = (name: string, values: readonly number[]): number[] => {
    if (values.length !== 1 && values.length !== inChannels)
      throw new OptionError(`input.${name} must be a number or ${inChannels} of them, got ${values.length}`);
    return Array.from({ length: inChannels }, (_, channel) => values[channel % values.length] as number);
  };
  return {
    size,
    channels: inChannels,
    mean: perChannel('mean', mean),
    std: perChannel('std', std),
  };
}

const average = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
