/** Features with labels, as the evaluations take them. */
import { DataError, DTypeError, ShapeError } from '../errors.ts';
import type { Labels } from '../losses/labels.ts';
import { noGrad, tidy } from '../tensor/modes.ts';
import { Tensor, tensor } from '../tensor/tensor.ts';
import { describe } from '../validate.ts';

/** Frozen features and the class of each. */
export interface LabelledFeatures {
  /** floating (rows, dim), finite. */
  readonly features: Tensor;
  /** integers ≥ 0 (rows). May be undefined, as in what extractFeatures() gives: an ERR_DTYPE where labels are needed. */
  readonly labels: Labels | undefined;
}

/**
 * The labels of `set` as numbers, one a row of its features.
 * @throws {DTypeError} features not a tensor, or labels that are not integers.
 * @throws {ShapeError} more or fewer labels than rows.
 * @throws {DataError} a label below 0 or above 2^31 − 1.
 */
export async function labelValues(name: string, set: LabelledFeatures): Promise<Int32Array> {
  if (!(set?.features instanceof Tensor))
    throw new DTypeError(`${name}.features must be a Tensor, got ${describe(set?.features)}`);
  const raw = set.labels instanceof Tensor ? await set.labels.data() : set.labels;
  if (!Array.isArray(raw) && !ArrayBuffer.isView(raw))
    throw new DTypeError(
      `${name}.labels must be integers in a Tensor, an array or a typed array, got ${describe(raw)}`,
    );
  const rows = set.features.shape[0];
  if (raw.length !== rows)
    throw new ShapeError(`${name}.labels must have one label for each of the ${rows} rows, got ${raw.length}`);
  const values = new Int32Array(raw.length);
  for (let i = 0; i < raw.length; i++) {
    const label = Number(raw[i]);
    if (!Number.isInteger(label) || label < 0 || label > 0x7fffffff)
      throw new DataError(`${name}.labels must be integers >= 0, got ${label} at row ${i}`);
    values[i] = label;
  }
  return values;
}

/**
 * The classes that there are, in rising order, and the rows of each set by their place among them: memory follows the
 * number of classes, not the largest label. A test row of a class that no training row has is at −1.
 */
export function placesOf(train: Int32Array, test: Int32Array) {
  const classes = Int32Array.from(new Set(train)).sort();
  const places = new Map(Array.from(classes, (label, place) => [label, place]));
  const placed = (labels: Int32Array): Int32Array => labels.map((label) => places.get(label) ?? -1);
  return { classes, train: placed(train), test: placed(test) };
}

/** The share of rows at −1. */
export const unknownShare = (places: Int32Array): number =>
  places.reduce((count, place) => count + Number(place === -1), 0) / places.length;

/** Refuses features without rows, of which nothing can be said. @throws {ShapeError} @throws {DTypeError} no tensor. */
export function expectRows(name: string, features: Tensor): void {
  if (!(features instanceof Tensor)) throw new DTypeError(`${name} must be a Tensor, got ${describe(features)}`);
  if (features.shape.includes(0))
    throw new ShapeError(`${name} must have shape (rows, dim) and hold at least one value, got [${features.shape}]`);
}

/**
 * Refuses test rows that a classifier of the training rows cannot take, before long work begins.
 * @throws {ShapeError} another dim, or no rows. @throws {DataError} NaN or infinity.
 */
export async function checkTestRows(train: Tensor, test: Tensor): Promise<void> {
  expectRows('train', train);
  expectRows('test', test);
  if (test.shape.length !== 2 || train.shape.length !== 2 || test.shape[1] !== train.shape[1])
    throw new ShapeError(
      `test must have the dim of train, both (rows, dim), got [${test.shape}] and train [${train.shape}]`,
    );
  using finite = tidy(() => noGrad(() => test.isfinite().all()));
  if (!(await finite.item())) throw new DataError('test must be finite, got NaN or infinity');
}

/** Labels as an int64 tensor beside the features. */
export const labelsBeside = (features: Tensor, values: Int32Array): Tensor =>
  tensor(values, { dtype: 'int64', device: features.device });

/** The share of predictions that equal the labels. */
export function accuracyOf(predictions: Int32Array, labels: Int32Array): number {
  let right = 0;
  for (let i = 0; i < labels.length; i++) if (predictions[i] === labels[i]) right++;
  return right / labels.length;
}

/**
 * How many classes score higher than a row's own, int64 (rows); all of them where its own score is NaN.
 * @param scores floating (rows, classes). @param own int64 (rows) in [0, classes).
 */
export const ranksOf = (scores: Tensor, own: Tensor): Tensor =>
  scores
    .le(scores.gather(1, own.unsqueeze(1)))
    .logicalNot()
    .sum(1);

/** `{ top5 }`: the share of rows whose class is among the five with the highest scores; {} with five classes or fewer. */
export function topFiveOf(ranks: Int32Array, labels: Int32Array, classes: number): { readonly top5?: number } {
  if (classes <= 5) return {};
  let right = 0;
  for (const [i, label] of labels.entries()) if (label >= 0 && label < classes && (ranks[i] as number) < 5) right++;
  return { top5: right / labels.length };
}

/** A tensor of indices as 32-bit integers. */
export async function readIndices(indices: Tensor): Promise<Int32Array> {
  return Int32Array.from(await indices.data(), Number);
}
