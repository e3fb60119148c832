/** `eval --protocol fine-tune`: its options, and the fine-tuning of a run's encoder. */
import { type PresetOptions, presets } from '../augment/presets.ts';
import type { RunConfig } from '../checkpoint/run-config.ts';
import { fineTune } from '../classify/fine-tune.ts';
import type { Encoder } from '../encoders/registry.ts';
import { OptionError } from '../errors.ts';
import type { OptionTable, OptionValues } from './command.ts';
import type { Accuracies, LabelledSplits } from './evaluate-run.ts';
import { flagOf } from './options.ts';
import type { Output } from './output.ts';
import { floatType, positive } from './shared-options.ts';
import { TrainProgress } from './train-progress.ts';

export const fineTuneOptions = {
  epochs: { ...positive, help: 'of fine-tuning: passes over the training images; default 30' },
  lr: { type: 'number', value: 'RATE', above: 0, help: 'of fine-tuning, for a batch of 256 images; default 0.05' },
  batchSize: { ...positive, help: 'of fine-tuning: images a step; default 256' },
  precision: { ...floatType, help: 'of fine-tuning; default auto: what is faster on this machine' },
  out: {
    type: 'string',
    short: 'o',
    value: 'DIR',
    help: 'folder for the run of the fine-tuning; default: none is kept',
  },
} as const satisfies OptionTable;

/** The shorter side that images need, in pixels: the smallest crop, a part of their area, is then not enlarged. */
export const neededSide = (size: number, leastArea: number): number => Math.ceil(size / Math.sqrt(leastArea));

/** How a run's images reach its encoder, for presets. */
export function presetInput({ size, mean, std, channels }: RunConfig['input']): PresetOptions {
  return { size, mean, std, ...((channels === 1 || channels === 3) && { channels }) };
}

/** The shorter side that images need: the crops of `presets.fineTune` show at least 0.08 of an image's area. */
export const fineTuneSide = ({ size }: RunConfig['input']): number => neededSide(size, 0.08);

export type FineTuneValues = OptionValues<typeof fineTuneOptions>;

/** @throws {OptionError} options of fine-tuning beside a protocol without it. */
export function refuseFineTuneOptions(values: FineTuneValues): void {
  for (const name of Object.keys(fineTuneOptions) as (keyof FineTuneValues)[])
    if (values[name] !== undefined) throw new OptionError(`--${flagOf(name)} belongs to --protocol fine-tune`);
}

export interface FineTuneRun {
  readonly config: RunConfig;
  readonly splits: LabelledSplits;
  /** Where the images came from. */
  readonly data: RunConfig['data'];
  /** The file of the encoder's code, where it has one. */
  readonly encoderFile: string | undefined;
  readonly values: FineTuneValues & { readonly seed: number };
  readonly title: string;
  readonly output: Output;
  readonly signal: AbortSignal;
}

/** Fine-tunes a copy of the encoder and judges it on the test images, once. */
export async function fineTuneRun(encoder: Encoder, run: FineTuneRun): Promise<Accuracies> {
  const { config, splits, data, encoderFile, values, title, output, signal } = run;
  const { epochs = 30, lr = 0.05, batchSize, seed, out } = values;
  const input = presetInput(config.input);
  const progress = new TrainProgress(output, epochs, `${title}: fine-tuning`);
  const { classifier, test } = await fineTune(encoder, splits.train, {
    augment: presets.fineTune(input),
    evaluation: presets.evaluation(input),
    test: splits.test,
    optimizer: { name: 'sgd', lr, momentum: 0.9, nesterov: true },
    epochs,
    ...(batchSize !== undefined && { batchSize }),
    precision: values.precision ?? 'auto',
    seed,
    ...(out !== undefined && { out }),
    data,
    ...(encoderFile !== undefined && { encoderFile }),
    signal,
    onEvent: (event) => progress.show(event),
    onProgress: (done, total) => progress.evaluating(done, total),
  });
  classifier.dispose();
  return test === undefined
    ? {}
    : { fineTuneTop1: test.accuracy, ...(test.top5 !== undefined && { fineTuneTop5: test.top5 }) };
}
