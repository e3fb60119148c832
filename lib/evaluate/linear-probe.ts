/** Evaluation by a linear classifier on frozen features. */
import { permutation } from '../data/shuffle.ts';
import { DataError, OptionError } from '../errors.ts';
import { tidy } from '../tensor/modes.ts';
import * as ops from '../tensor/ops.ts';
import { type Tensor, tensor } from '../tensor/tensor.ts';
import { checkOptions, describe, expectNumber } from '../validate.ts';
import { accuracyOf, type LabelledFeatures, labelsBeside, labelValues, readIndices } from './labelled.ts';

export interface LinearProbeOptions {
  /** Passes over the training rows; default 100. */
  readonly epochs?: number;
  /** Rows of a mini-batch; default 256. */
  readonly batchSize?: number;
  /** Candidates, each > 0; default 0.003 to 1, a factor of about 3 apart. */
  readonly learningRates?: readonly number[];
  /** Share of the training rows that chooses the learning rate, in (0, 1); default 0.1. */
  readonly validation?: number;
  /** Of the split and of the order of the mini-batches; default 0. */
  readonly seed?: number;
}

export interface LinearProbeResult {
  /** Share of the test rows whose class was predicted, 0 to 1. */
  readonly accuracy: number;
  /** The predicted class of each test row. */
  readonly predictions: Int32Array;
  /** The candidate that the validation rows chose. */
  readonly learningRate: number;
  /** Its accuracy on them; NaN with one candidate, which needs no choice. */
  readonly validationAccuracy: number;
}

const optionNames = ['epochs', 'batchSize', 'learningRates', 'validation', 'seed'] as const;
const defaultRates = [0.003, 0.01, 0.03, 0.1, 0.3, 1];

function expectRates(rates: unknown): readonly number[] {
  if (!Array.isArray(rates) || rates.length === 0)
    throw new OptionError(`learningRates must be an array of at least one number, got ${describe(rates)}`);
  return rates.map((rate, i) => expectNumber(`learningRates[${i}]`, rate, { above: 0 }));
}

/**
 * Linear probe: the accuracy of softmax regression on frozen features. SGD with momentum 0.9, no weight decay, a cosine
 * schedule without warm-up, features standardised by the training rows' mean and standard deviation.
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
 * @example
 * const { accuracy } = await linearProbe({ features, labels }, { features: testFeatures, labels: testLabels });
 */
export async function linearProbe(
  train: LabelledFeatures,
  test: LabelledFeatures,
  options: LinearProbeOptions = {},
): Promise<LinearProbeResult> {
  checkOptions('linearProbe', options, optionNames);
  const epochs = expectNumber('epochs', options.epochs ?? 100, { min: 1, integer: true });
  const batch = expectNumber('batchSize', options.batchSize ?? 256, { min: 1, integer: true });
  const rates = expectRates(options.learningRates ?? defaultRates);
  const share = expectNumber('validation', options.validation ?? 0.1, { above: 0, max: 1 });
  const seed = expectNumber('seed', options.seed ?? 0, { min: 0, integer: true });
  const known = await labelValues('train', train);
  const wanted = await labelValues('test', test);
  const settings = { classes: Math.max(1, known.classes), epochs, batch, seed };

  let chosen = { rate: rates[0] as number, accuracy: Number.NaN };
  if (rates.length > 1) {
    const rows = known.values.length;
    const held = Math.max(1, Math.round(rows * share));
    if (held >= rows)
      throw new DataError(
        `validation ${share} of ${rows} training rows leaves none to train on; pass one learning rate`,
      );
    const order = Int32Array.from(permutation(rows, seed, 0));
    const part = (indices: Int32Array) => ({
      features: ops.indexSelect(train.features, 0, labelsBeside(train.features, indices)),
      labels: indices.map((i) => known.values[i] as number),
    });
    const predictions = await predict(() => {
      const [validation, rest] = [part(order.subarray(0, held)), part(order.subarray(held))];
      return probe(rest.features, rest.labels, validation.features, rates, settings);
    });
    const expected = order.subarray(0, held).map((i) => known.values[i] as number);
    chosen = rates
      .map((rate, i) => ({ rate, accuracy: accuracyOf(predictions.subarray(i * held, (i + 1) * held), expected) }))
      .reduce((best, next) =>
        next.accuracy > best.accuracy || (next.accuracy === best.accuracy && next.rate < best.rate) ? next : best,
      );
  }
  const predictions = await predict(() => probe(train.features, known.values, test.features, [chosen.rate], settings));
  return {
    accuracy: accuracyOf(predictions, wanted.values),
    predictions,
    learningRate: chosen.rate,
    validationAccuracy: chosen.accuracy,
  };
}

interface Settings {
  readonly classes: number;
  readonly epochs: number;
  readonly batch: number;
  readonly seed: number;
}

/** The predictions for `test` of a probe for each rate, (rates, rows). */
function probe(
  features: Tensor,
  labels: Int32Array,
  test: Tensor,
  rates: readonly number[],
  settings: Settings,
): Tensor {
  const rateTensor = tensor(rates, { device: features.device });
  const [, , predictions] = ops.linearProbe(features, labelsBeside(features, labels), test, rateTensor, settings);
  return predictions;
}

/** Reads what `make` returns and frees all that it made. */
async function predict(make: () => Tensor): Promise<Int32Array> {
  const predictions = tidy(make);
  try {
    return await readIndices(predictions);
  } finally {
    predictions.dispose();
  }
}
