/** The fine-tuning of a run's encoder, of `contrastive fine-tune` and `eval --protocol fine-tune`. */
import { presets } from '../augment/presets.ts';
import { presetInput } from '../checkpoint/preset-input.ts';
import type { RunConfig } from '../checkpoint/run-config.ts';
import { type FineTuneOptions, type FineTuneResult, fineTune, fineTuneOptions } from '../classify/fine-tune.ts';
import { fineTunePlan } from '../classify/fine-tune-plan.ts';
import type { Dataset } from '../data/dataset.ts';
import type { Encoder } from '../encoders/registry.ts';
import { OptionError } from '../errors.ts';
import { optimizers } from '../optim/optimizer.ts';
import { inGroup, type OptionTable, type OptionValues } from './command.ts';
import { flag } from './flag.ts';
import { flagOf } from './options.ts';
import type { Output } from './output.ts';
import { precisionWords } from './shared-options.ts';
import { TrainProgress } from './train-progress.ts';

export const fineTuneFlags = inGroup('Of fine-tuning', {
  epochs: flag(fineTuneOptions.epochs),
  lr: flag(optimizers.sgd.lr, {
    ...{ value: 'RATE', usual: '100 divided by the steps, from 0.05 to 0.5' },
    help: 'learning rate, for a batch of 256 images',
  }),
  batchSize: flag(fineTuneOptions.batchSize),
  precision: flag(fineTuneOptions.precision, { synonyms: precisionWords.synonyms, usual: 'auto' }),
} as const satisfies OptionTable);

/** The shorter side that images need, in pixels: the smallest crop, a part of their area, is then not enlarged. */
export const neededSide = (size: number, leastArea: number): number => Math.ceil(size / Math.sqrt(leastArea));

/** The shorter side that images need: the crops of `presets.fineTune` show at least 0.08 of an image's area. */
export const fineTuneSide = ({ size }: RunConfig['input']): number => neededSide(size, 0.08);

export type FineTuneValues = OptionValues<typeof fineTuneFlags>;

/** @throws {OptionError} options of fine-tuning beside a protocol without it. */
export function refuseFineTuneOptions(values: FineTuneValues): void {
  for (const name of Object.keys(fineTuneFlags) as (keyof FineTuneValues)[])
    if (values[name] !== undefined) throw new OptionError(`--${flagOf(name)} belongs to --protocol fine-tune`);
}

export interface FineTuneRun {
  readonly config: RunConfig;
  readonly splits: { readonly train: Dataset; readonly test?: Dataset | undefined };
  readonly values: FineTuneValues & { readonly seed: number };
  /** Of the run of the fine-tuning, where one is kept. */
  readonly kept?: Pick<FineTuneOptions, 'out' | 'resume' | 'checkpointEvery' | 'data' | 'encoderFile'>;
  readonly title: string;
  readonly output: Output;
  readonly signal: AbortSignal;
}

/** Fine-tunes a copy of the encoder and judges it on the test images, if there are some, once. */
export async function fineTuneRun(encoder: Encoder, run: FineTuneRun): Promise<FineTuneResult> {
  const { config, splits, values, kept, title, output, signal } = run;
  const { precision = 'auto', seed } = values;
  const { batchSize, epochs, lr } = fineTunePlan(splits.train.length, values);
  const input = presetInput(config.input);
  const progress = new TrainProgress(output, epochs, title);
  return await fineTune(encoder, splits.train, {
    augment: presets.fineTune(input),
    evaluation: presets.evaluation(input),
    ...(splits.test && { test: splits.test }),
    optimizer: { name: 'sgd', lr, momentum: 0.9, nesterov: true },
    ...{ batchSize, epochs, precision, seed },
    ...kept,
    signal,
    onEvent: (event) => progress.show(event),
    onProgress: (done, total) => progress.evaluating(done, total),
  });
}
