/** Stage 2, end to end: a pre-trained encoder and a new classifier, trained on labels. */
import type { Augmentation } from '../augment/augment.ts';
import { checkDataset, type Dataset } from '../data/dataset.ts';
import { readLabels } from '../data/labels.ts';
import { linearHead } from '../encoders/linear-head.ts';
import type { Encoder } from '../encoders/registry.ts';
import { OptionError } from '../errors.ts';
import { crossEntropy } from '../methods/cross-entropy.ts';
import { Module } from '../nn/module.ts';
import type { OptimizerSpec } from '../optim/optimizer.ts';
import type { ScheduleSpec } from '../optim/schedule.ts';
import type { PrecisionOption } from '../tensor/precision.ts';
import type { TrainEvent } from '../train/events.ts';
import type { FitOptions } from '../train/fit-options.ts';
import { Trainer } from '../train/trainer.ts';
import { checkOptions, describe, expectNumber, throwIfAborted } from '../validate.ts';
import { Classifier, type ClassifierAccuracy, checkEvaluation } from './classifier.ts';
import { fineTunePlan } from './fine-tune-plan.ts';

export interface FineTuneOptions
  extends Pick<FitOptions, 'out' | 'resume' | 'checkpointEvery' | 'data' | 'encoderFile'> {
  /** The views of training: `presets.fineTune(…)`, with the mean and std of pre-training. */
  readonly augment: Augmentation;
  /** How test images become the encoder's input: `presets.evaluation(…)`, likewise. */
  readonly evaluation: Augmentation;
  /** What the classifier is judged on, once, after the last epoch. */
  readonly test?: Dataset;
  /** Number of classes; default that of the data set's class names, else one more than the largest label. */
  readonly classes?: number;
  /** A file of weights that the encoder's copy begins with, as `encoder.load()` takes it. Default: those of the encoder. */
  readonly init?: string;
  /** Of the classifier's weights: 'zeros' (default), 'normal' (deviation 0.01), 'uniform' (PyTorch's nn.Linear). */
  readonly headInit?: 'zeros' | 'normal' | 'uniform';
  /** ε in [0, 1] of the targets (1 − ε)·one-hot + ε / classes; default 0. */
  readonly labelSmoothing?: number;
  /** Default { name: 'sgd', lr, momentum: 0.9, nesterov: true }: no weight decay; lr is 0.05, or more where steps are few. */
  readonly optimizer?: OptimizerSpec;
  /** Default { name: 'cosine', scaling: 'linear' }: from lr · batchSize / 256 to 0, no warm-up. */
  readonly schedule?: ScheduleSpec;
  /** Images a step; default 256, of a small data set fewer. At most the data set's. */
  readonly batchSize?: number;
  /** Images that go through the encoder at once, at most; default batchSize. */
  readonly microBatch?: number;
  /** Default 30, of a small data set as many as make 200 steps. */
  readonly epochs?: number;
  /** Of the forward and backward pass, as a Trainer's. Default 'float32'. */
  readonly precision?: PrecisionOption;
  /** Default: the encoder's. */
  readonly device?: string;
  /** Of the classifier's weights, the order and the views; default 0. */
  readonly seed?: number;
  /** When it fires, fineTune saves a checkpoint (with `out`) after the steps under way, and rejects with an AbortError. */
  readonly signal?: AbortSignal;
  /** Hears the events of the training, as Trainer.fit's. */
  readonly onEvent?: (event: TrainEvent) => void;
  /** Hears of the test images at the end: how many are done, of how many. */
  readonly onProgress?: (done: number, total: number) => void;
}

export interface FineTuneResult {
  /** The trained copy of the encoder with its classifier, in evaluation mode; the caller disposes it. */
  readonly classifier: Classifier;
  /** Mean cross entropy over the last epoch's steps. */
  readonly loss: number;
  /** Optimizer steps. */
  readonly steps: number;
  /** With `test`. */
  readonly test?: ClassifierAccuracy;
}

const optionNames = [
  ...[
    'augment',
    'evaluation',
    'test',
    'classes',
    'init',
    'headInit',
    'labelSmoothing',
    'optimizer',
    'schedule',
    'batchSize',
  ],
  ...['microBatch', 'epochs', 'precision', 'device', 'seed', 'signal', 'onEvent', 'onProgress'],
  ...['out', 'resume', 'checkpointEvery', 'data', 'encoderFile'],
];

/** `options` without those that are undefined. */
const given = <T extends object>(options: T): { [K in keyof T]?: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as never;

/**
 * Fine-tunes a copy of a pre-trained encoder together with a new linear classifier, by cross entropy on labelled images;
 * the encoder that is given stays as it is. Batch normalisation takes the statistics of the batch, as in pre-training, but for parts
 * that a Trainer leaves in evaluation.
 *
 * Source: Chen et al. 2020, arXiv:2002.05709, section 6 and appendices B.5 and B.8. Its defaults are those of B.5
 * (Nesterov momentum 0.9, lr 0.05 · batchSize / 256, no warm-up, no weight decay, crops and flips only) and of the code,
 * github.com/google-research/simclr (a cosine), with a classifier that begins at 0. Differs for fewer than some 17 000 images:
 * `fineTunePlan` says how, and why. For 1 % or 10 % of the labels, give
 * `balancedSubset(train, { fraction: 0.01 })`.
 *
 * @param train labelled images.
 * @throws {OptionError} an unknown or wrong option.
 * @throws {DataError} a sample without a label, or with one above the classes.
 * @throws {NonFiniteLossError} a loss, gradient or weight that is NaN or infinite.
 * @throws {AbortError} the signal fired.
 * @example
 * const few = await balancedSubset(train, { fraction: 0.1 });
 * const { classifier, test } = await fineTune(encoder, few, {
 *   augment: presets.fineTune(input),
 *   evaluation: presets.evaluation(input),
 *   test: testImages,
 * });
 */
export async function fineTune(encoder: Encoder, train: Dataset, options: FineTuneOptions): Promise<FineTuneResult> {
  checkOptions('fineTune', options, optionNames);
  if (!(encoder instanceof Module)) throw new OptionError(`encoder must be a Module, got ${describe(encoder)}`);
  expectNumber('encoder.featureDim', encoder.featureDim, { min: 1, integer: true });
  if (encoder.parameters().length === 0)
    throw new OptionError(
      'encoder must have parameters to train: an encoder that a run opens without its code has none',
    );
  const dataset = checkDataset(train);
  const { signal, onProgress, onEvent, out, resume, checkpointEvery, data, encoderFile } = options;
  const { augment, evaluation, labelSmoothing, init, headInit, microBatch, precision } = options;
  checkEvaluation(evaluation);
  const test = options.test === undefined ? undefined : checkDataset(options.test);
  for (const name of ['batchSize', 'epochs'] as const)
    if (options[name] !== undefined) expectNumber(name, options[name], { min: 1, integer: true });
  const { batchSize, epochs, lr } = fineTunePlan(dataset.length, {
    batchSize: options.batchSize,
    epochs: options.epochs,
  });
  const { optimizer = { name: 'sgd', lr, momentum: 0.9, nesterov: true } as const, seed = 0 } = options;
  throwIfAborted(signal);
  const classes = await countClasses(dataset, options);
  const head = linearHead({
    inFeatures: encoder.featureDim,
    outFeatures: classes,
    seed,
    ...(headInit && { init: headInit }),
  });
  let copy: Encoder | undefined;
  try {
    copy = encoder.clone();
    if (init !== undefined) await copy.load(init);
    const trainer = new Trainer({
      encoder: copy,
      head,
      method: crossEntropy(given({ labelSmoothing })),
      augment,
      views: 1,
      optimizer,
      schedule: options.schedule ?? { name: 'cosine', scaling: 'linear' },
      device: options.device ?? encoder.device,
      batchSize,
      ...(microBatch !== undefined && { microBatch: Math.min(microBatch, batchSize) }),
      epochs,
      seed,
      ...given({ precision }),
    });
    const run = { out, resume, checkpointEvery, data, encoderFile };
    const { step, loss } = await trainer.fit(dataset, given({ signal, onEvent, ...run }));
    const names = dataset.classes?.length === classes ? { classes: dataset.classes } : {};
    const classifier = new Classifier({ encoder: copy, head, evaluation, ...names });
    const judged = test && (await classifier.evaluate(test, { signal, onProgress }));
    return { classifier, loss, steps: step, ...(judged && { test: judged }) };
  } catch (error) {
    copy?.dispose();
    head.dispose();
    throw error;
  }
}

async function countClasses(dataset: Dataset, { classes, signal }: FineTuneOptions): Promise<number> {
  if (classes !== undefined) return expectNumber('classes', classes, { min: 1, integer: true });
  if (dataset.classes !== undefined) return dataset.classes.length;
  return (await readLabels(dataset, { signal })).reduce((most, label) => Math.max(most, label + 1), 1);
}
