/** Stage 2, end to end: a pre-trained encoder and a new classifier, trained on labels. */
import { checkDataset, type Dataset } from '../data/dataset.ts';
import { readLabels } from '../data/labels.ts';
import { joinLaunched } from '../distributed/group.ts';
import { headInitOption, linearHead } from '../encoders/linear-head.ts';
import type { Encoder } from '../encoders/registry.ts';
import { OptionError } from '../errors.ts';
import { expectEvaluation } from '../evaluate/features.ts';
import { progressOptions } from '../evaluate/in-turn.ts';
import { crossEntropySpec } from '../losses/cross-entropy.ts';
import { crossEntropy } from '../methods/cross-entropy.ts';
import { Module } from '../nn/module.ts';
import { countOption, instanceOf, seedOption } from '../options/kinds.ts';
import type { OptionsOf, OptionTable } from '../options/option.ts';
import { resolveOptions } from '../options/resolve.ts';
import { runOptions } from '../train/fit-options.ts';
import { trainerOptions } from '../train/options.ts';
import { Trainer } from '../train/trainer.ts';
import { expectNumber, throwIfAborted } from '../validate.ts';
import { Classifier, type ClassifierAccuracy } from './classifier.ts';
import { fineTunePlan } from './fine-tune-plan.ts';

const expectEncoder = instanceOf<Encoder>(Module, 'a Module');

const datasetOption = { type: 'checked', check: (_: string, value: Dataset) => checkDataset(value) } as const;

export const fineTuneOptions = {
  /** The views of training: `presets.fineTune(…)`, with the mean and std of pre-training. */
  augment: trainerOptions.augment,
  /** How test images become the encoder's input: `presets.evaluation(…)`, likewise. */
  evaluation: { type: 'checked', required: true, check: expectEvaluation },
  /** What the classifier is judged on, once, after the last epoch. */
  test: datasetOption,
  /** Number of classes; default that of the data set's class names, else one more than the largest label. */
  classes: countOption,
  /** A file of weights that the encoder's copy begins with, as `encoder.load()` takes it. Default: those of the encoder. */
  init: { type: 'string' },
  /** Of the classifier's weights: 'zeros' (default), 'normal' (deviation 0.01), 'uniform' (PyTorch's nn.Linear). */
  headInit: headInitOption,
  /** ε in [0, 1] of the targets (1 − ε)·one-hot + ε / classes; default 0. */
  labelSmoothing: crossEntropySpec.labelSmoothing,
  /** Default { name: 'sgd', lr, momentum: 0.9, nesterov: true }: no weight decay; lr is 0.05, or more where steps are few. */
  optimizer: { type: 'checked', check: trainerOptions.optimizer.check },
  /** Default { name: 'cosine', scaling: 'linear' }: from lr · batchSize / 256 to 0, no warm-up. */
  schedule: { ...trainerOptions.schedule, default: { name: 'cosine', scaling: 'linear' } },
  /** Images a step; default 256, of a small data set fewer. At most the data set's. */
  batchSize: { ...countOption, usual: '256, of few images 24 or more', help: 'images a step' },
  /** Images that go through the encoder at once, at most; default batchSize. */
  microBatch: countOption,
  /** Default 30, of a small data set as many as make 200 steps. */
  epochs: {
    ...{ ...countOption, usual: '30, of few images as many as make 200 steps' },
    help: 'passes over the training images',
  },
  /** A running mean of the weights, which the classifier then has, as a Trainer's. Default: none. */
  ema: trainerOptions.ema,
  /** Of the forward and backward pass, as a Trainer's. Default 'float32'. */
  precision: trainerOptions.precision,
  /** Default: the encoder's. */
  device: { type: 'string' },
  /** Of the classifier's weights, the order and the views; default 0. */
  seed: seedOption,
  ...runOptions,
  /** Hears of the test images at the end: how many are done, of how many. */
  onProgress: progressOptions.onProgress,
} as const satisfies OptionTable;

export interface FineTuneOptions extends OptionsOf<typeof fineTuneOptions> {}

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
 * @throws {AbortError} the signal fired. @throws {DistributedError} of several processes: one does not come, or ended.
 * @example
 * const few = await balancedSubset(train, { fraction: 0.1 });
 * const { classifier, test } = await fineTune(encoder, few, {
 *   augment: presets.fineTune(input),
 *   evaluation: presets.evaluation(input),
 *   test: testImages,
 * });
 */
export async function fineTune(encoder: Encoder, train: Dataset, options: FineTuneOptions): Promise<FineTuneResult> {
  const resolved = resolveOptions('fineTune', fineTuneOptions, options);
  const { evaluation, test, init, headInit, labelSmoothing, device = encoder.device, onProgress, ...rest } = resolved;
  const { out, resume, checkpointEvery, data, encoderFile, signal, onEvent, ...training } = rest;
  expectEncoder('encoder', encoder);
  expectNumber('encoder.featureDim', encoder.featureDim, countOption);
  if (encoder.parameters().length === 0)
    throw new OptionError(
      'encoder must have parameters to train: an encoder that a run opens without its code has none',
    );
  const dataset = checkDataset(train);
  await joinLaunched(device); // the plan goes by how many processes there are
  const { batchSize, epochs, lr } = fineTunePlan(dataset.length, training);
  const { classes = await countClasses(dataset, signal), microBatch = batchSize, ...others } = training;
  throwIfAborted(signal);
  const { optimizer = { name: 'sgd', lr, momentum: 0.9, nesterov: true } as const, seed } = others;
  const head = linearHead({ inFeatures: encoder.featureDim, outFeatures: classes, seed, init: headInit });
  let copy: Encoder | undefined;
  try {
    copy = encoder.clone();
    if (init !== undefined) await copy.load(init);
    const trainer = new Trainer({
      ...others,
      ...{ encoder: copy, head, method: crossEntropy({ labelSmoothing }), views: 1 },
      ...{ optimizer, device, batchSize, microBatch: Math.min(microBatch, batchSize), epochs },
    });
    const run = { out, resume, checkpointEvery, data, encoderFile, signal, onEvent };
    const { step, loss } = await trainer.fit(dataset, run);
    const names = dataset.classes?.length === classes ? { classes: dataset.classes } : {};
    const classifier = new Classifier({ encoder: copy, head, evaluation, ...names });
    const judged = test && (await classifier.evaluate(test, { signal, onProgress, distributed: true }));
    return { classifier, loss, steps: step, ...(judged && { test: judged }) };
  } catch (error) {
    copy?.dispose();
    head.dispose();
    throw error;
  }
}

/** Classes that labels alone may ask for, where they are more than the images: one label of a million would make a head of gigabytes. */
const mostUnnamed = 1000;

async function countClasses(dataset: Dataset, signal: AbortSignal | undefined): Promise<number> {
  if (dataset.classes !== undefined) return dataset.classes.length;
  const classes = (await readLabels(dataset, { signal })).reduce((most, label) => Math.max(most, label + 1), 1);
  if (classes > mostUnnamed && classes > dataset.length)
    throw new OptionError(
      `classes must be given: the largest of ${dataset.length} labels is ${classes - 1}; labels from 0 on, without gaps, take the least memory`,
    );
  return classes;
}
