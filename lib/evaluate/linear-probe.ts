/** Evaluation by a linear classifier on frozen features. */
import { permutation } from '../data/shuffle.ts';
import { DataError, OptionError } from '../errors.ts';
import { countOption, seedOption } from '../options/kinds.ts';
import type { OptionsOf, OptionTable } from '../options/option.ts';
import { resolveOptions } from '../options/resolve.ts';
import { noGrad, withoutModes } from '../tensor/modes.ts';
import * as ops from '../tensor/ops.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { describe, expectNumber, throwIfAborted } from '../validate.ts';
import { progressOptions } from './in-turn.ts';
import {
  accuracyOf,
  checkTestRows,
  type LabelledFeatures,
  labelsBeside,
  labelValues,
  placesOf,
  topFiveOf,
  unknownShare,
} from './labelled.ts';
import { Probe, type ProbeSettings, stepsOf } from './probe-training.ts';

function expectRates(name: string, rates: readonly number[]): readonly number[] {
  if (!Array.isArray(rates) || rates.length === 0)
    throw new OptionError(`${name} must be an array of at least one number, got ${describe(rates)}`);
  return rates.map((rate, i) => expectNumber(`${name}[${i}]`, rate, { above: 0 }));
}

const declared = {
  /** Passes over the training rows; default 100. */
  epochs: { ...countOption, default: 100 },
  /** Rows of a mini-batch; default 256. */
  batchSize: { ...countOption, default: 256 },
  /** Candidates, each > 0; default 0.003 to 1, a factor of about 3 apart. */
  learningRates: { type: 'checked', check: expectRates, default: [0.003, 0.01, 0.03, 0.1, 0.3, 1] },
  /** Share of the training rows that chooses the learning rate, in (0, 1); default 0.1. */
  validation: { type: 'number', default: 0.1, above: 0, max: 1 },
  /** Of the split and of the order of the mini-batches; default 0. */
  seed: seedOption,
  ...progressOptions,
} as const satisfies OptionTable;

export interface LinearProbeOptions extends OptionsOf<typeof declared> {}

export interface LinearProbeResult {
  /** Share of the test rows whose class was predicted, 0 to 1. */
  readonly accuracy: number;
  /** Share of the test rows whose class is among the five that score highest; absent with five classes or fewer. */
  readonly top5?: number;
  /** The predicted class of each test row. */
  readonly predictions: Int32Array;
  /** The candidate that the validation rows chose. */
  readonly learningRate: number;
  /** Its accuracy on them; NaN with one candidate, which needs no choice. */
  readonly validationAccuracy: number;
  /** Share of the test rows whose class no training row has, so that they cannot be right. */
  readonly unknown: number;
  /** The classifier: the logits of features x, as they are, are weight · x + bias. (classes, dim), row by row. */
  readonly weight: Float32Array;
  /** (classes) */
  readonly bias: Float32Array;
  /** The classes that training rows have, in rising order: those of the rows of `weight`. */
  readonly classes: Int32Array;
}

/**
 * Linear probe: the accuracy of softmax regression on frozen features. SGD with momentum 0.9, no weight decay, a cosine
 * schedule without warm-up, features standardised by the training rows' mean and standard deviation. Progress counts
 * optimizer steps, those of the candidates side by side as one.
 *
 * Protocol: the candidates are trained on a part of the training rows and judged on the rest (of equals, the lowest
 * rate wins); the chosen one is trained on all of them; the test rows are read once, after the last epoch.
 * Source: Chen et al. 2020, arXiv:2002.05709, appendix B.6; Khosla et al. 2020. Differs: no augmentation of the
 * training images, for features are computed once.
 *
 * @param train the rows that the classifier learns from. @param test the rows that it is judged on. Features floating
 * (rows, dim).
 * @throws {OptionError} an unknown option, or a value out of range.
 * @throws {ShapeError} features not 2-D, of different dim, or labels not one a row.
 * @throws {DataError} features that are not finite, a label below 0, or too few rows to hold some out.
 * @throws {AbortError} the signal fired.
 * @example
 * const { accuracy } = await linearProbe({ features, labels }, { features: testFeatures, labels: testLabels });
 */
export async function linearProbe(
  train: LabelledFeatures,
  test: LabelledFeatures,
  options: LinearProbeOptions = {},
): Promise<LinearProbeResult> {
  const resolved = resolveOptions('linearProbe', declared, options);
  const { epochs, batchSize: batch, learningRates: rates, validation: share, seed, signal, onProgress } = resolved;
  throwIfAborted(signal);
  const places = placesOf(await labelValues('train', train), await labelValues('test', test));
  await checkTestRows(train.features, test.features);
  const rows = places.train.length;
  const held = rates.length === 1 ? 0 : Math.max(1, Math.round(rows * share));
  if (held >= rows)
    throw new DataError(`validation ${share} of ${rows} training rows leaves none to train on; pass one learning rate`);

  const size = { epochs, batch };
  const total = stepsOf(rows, size) + (held === 0 ? 0 : stepsOf(rows - held, size));
  let done = 0;
  const onSteps = (steps: number): void => {
    done += steps;
    onProgress?.(done, total);
  };
  const settings: ProbeSettings = { ...size, classes: places.classes.length, seed, signal, onSteps };
  // A tidy() of the caller's must not end before the jobs of a call that was aborted.
  return withoutModes(async () => {
    const chosen =
      held === 0
        ? { rate: rates[0] as number, accuracy: Number.NaN }
        : await chooseRate(train.features, places.train, { rates, held, settings });
    using probe = await Probe.train(train.features, places.train, [chosen.rate], settings);
    const { classes: predicted, ranks } = await probe.predict(test.features, places.test, signal);
    const predictions = predicted[0] as Int32Array;
    return {
      accuracy: accuracyOf(predictions, places.test),
      ...topFiveOf(ranks[0] as Int32Array, places.test, places.classes.length),
      predictions: predictions.map((place) => places.classes[place] as number),
      unknown: unknownShare(places.test),
      classes: places.classes,
      learningRate: chosen.rate,
      validationAccuracy: chosen.accuracy,
      ...(await probe.coefficients()),
    };
  });
}

/** The candidate with the highest accuracy on `held` rows, after training on the others; of equals, the lowest. */
async function chooseRate(
  features: Tensor,
  labels: Int32Array,
  { rates, held, settings }: { rates: readonly number[]; held: number; settings: ProbeSettings },
): Promise<{ rate: number; accuracy: number }> {
  const order = Int32Array.from(permutation(labels.length, settings.seed, 0));
  const part = (indices: Int32Array): { features: Tensor; labels: Int32Array } => {
    using rows = labelsBeside(features, indices);
    return {
      features: noGrad(() => ops.indexSelect(features, 0, rows)),
      labels: indices.map((i) => labels[i] as number),
    };
  };
  const [validation, rest] = [part(order.subarray(0, held)), part(order.subarray(held))];
  try {
    using probe = await Probe.train(rest.features, rest.labels, rates, settings);
    const { classes } = await probe.predict(validation.features, validation.labels, settings.signal);
    return rates
      .map((rate, i) => ({ rate, accuracy: accuracyOf(classes[i] as Int32Array, validation.labels) }))
      .reduce((best, next) =>
        next.accuracy > best.accuracy || (next.accuracy === best.accuracy && next.rate < best.rate) ? next : best,
      );
  } finally {
    validation.features.dispose();
    rest.features.dispose();
  }
}
