/** Evaluation by nearest neighbours. */

import { tidy } from '../tensor/modes.ts';
import * as ops from '../tensor/ops.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { checkOptions, expectNumber } from '../validate.ts';
import { accuracyOf, type LabelledFeatures, labelsBeside, labelValues, readIndices } from './labelled.ts';

export interface KnnOptions {
  /** Neighbours that vote, 1 to the number of training rows; default 20 (200 is usual for ImageNet). */
  readonly k?: number;
  /** T of the votes exp(cosine / T), > 0; default 0.1. */
  readonly temperature?: number;
}

export interface KnnResult {
  /** Share of the test rows whose class was predicted, 0 to 1. */
  readonly accuracy: number;
  /** The predicted class of each test row. */
  readonly predictions: Int32Array;
}

/**
 * Weighted k-nearest-neighbour classification of frozen features: each of the k training rows of the largest cosine
 * similarity s votes exp(s/T) for its class, and the class with the most votes wins (of equals, the lowest). Computed
 * in blocks of test rows.
 *
 * Source: Wu et al. 2018, arXiv:1805.01978, section 3.4.
 *
 * @param train the rows that vote. @param test the rows that are classified. Features floating (rows, dim).
 * @throws {OptionError} an unknown option, or k not in 1 … training rows.
 * @throws {ShapeError} features not 2-D, of different dim, or labels not one a row.
 * @throws {DataError} features that are not finite, or a label below 0.
 * @example
 * const { accuracy } = await knnClassify({ features, labels }, { features: testFeatures, labels: testLabels }, { k: 20 });
 */
export async function knnClassify(
  train: LabelledFeatures,
  test: LabelledFeatures,
  options: KnnOptions = {},
): Promise<KnnResult> {
  checkOptions('knnClassify', options, ['k', 'temperature']);
  const k = expectNumber('k', options.k ?? 20, { min: 1, integer: true });
  const temperature = expectNumber('temperature', options.temperature ?? 0.1, { above: 0 });
  const voters = await labelValues('train', train);
  const wanted = await labelValues('test', test);
  const predicted = tidy(() => {
    const [classes] = ops.knnClassify(test.features, train.features, labelsBeside(train.features, voters.values), {
      classes: Math.max(1, voters.classes),
      k,
      temperature,
    });
    return classes;
  });
  try {
    const predictions = await readIndices(predicted);
    return { accuracy: accuracyOf(predictions, wanted.values), predictions };
  } finally {
    predicted.dispose();
  }
}

export interface Neighbours {
  /** Rows of the bank for each row of the features, nearest first: (rows, k). */
  readonly indices: readonly Int32Array[];
  /** Their cosine similarities, −1 to 1: (rows, k). */
  readonly similarities: readonly Float32Array[];
}

/**
 * The k rows of `bank` with the largest cosine similarity to each row of `features`, as for a gallery.
 *
 * @param features floating (rows, dim). @param bank floating (bank rows, dim); may be `features`, each row then being
 * its own nearest.
 * @throws as knnClassify.
 */
export async function nearestNeighbours(
  features: Tensor,
  bank: Tensor,
  options: { readonly k?: number } = {},
): Promise<Neighbours> {
  checkOptions('nearestNeighbours', options, ['k']);
  const k = expectNumber('k', options.k ?? 20, { min: 1, integer: true });
  const [found, cosines] = ops.nearestNeighbours(features, bank, { k });
  try {
    const indices = await readIndices(found);
    const similarities = Float32Array.from(await cosines.data(), Number);
    const rows = Array.from({ length: indices.length / k }, (_, i) => i * k);
    return {
      indices: rows.map((begin) => indices.subarray(begin, begin + k)),
      similarities: rows.map((begin) => similarities.subarray(begin, begin + k)),
    };
  } finally {
    found.dispose();
    cosines.dispose();
  }
}
