/** Class labels and sample ids as users hold them, and what the losses make of them. */
import { types } from 'node:util';
import { DTypeError, OptionError, ShapeError } from '../errors.ts';
import { Tensor, tensor } from '../tensor/tensor.ts';
import { describe, expectNumber } from '../validate.ts';

/** A typed array of integers. */
export type IntegerArray =
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array;

/** One integer class a sample: an integer tensor (batch), an array of integers, or a typed array of them. */
export type Labels = Tensor | readonly number[] | IntegerArray;

/** Several classes a sample: 0 and 1 for each of at least 2 classes, a tensor (batch, classes) or an array of rows. */
export type LabelSets = Tensor | readonly (readonly number[])[];

/** One integer a sample that says which sample it is; in the forms of labels. */
export type SampleIds = Labels;

/**
 * Labels as an int64 tensor (batch) on `device`; a tensor comes back as it is.
 * @param name what messages call them.
 * @throws {OptionError} an array with something that is not an integer.
 * @throws {DTypeError} neither a tensor nor an array of integers.
 */
export function labelTensor(labels: Labels, device: string, name = 'labels'): Tensor {
  if (labels instanceof Tensor) return labels;
  if (Array.isArray(labels)) {
    for (const [i, label] of labels.entries()) expectNumber(`${name}[${i}]`, label, { integer: true });
    return tensor(labels, { shape: [labels.length], dtype: 'int64', device });
  }
  if (isIntegerArray(labels)) return tensor(BigInt64Array.from(labels as ArrayLike<number>, BigInt), { device });
  throw new DTypeError(
    `${name} must be integers in a Tensor, an array or a typed array of integers, got ${describe(labels)}`,
  );
}

const isIntegerArray = (value: unknown): value is IntegerArray =>
  types.isTypedArray(value) && /int/i.test(value[Symbol.toStringTag]);

const isLabelSets = (labels: Labels | LabelSets): labels is readonly (readonly number[])[] =>
  Array.isArray(labels) && Array.isArray(labels[0]);

/**
 * Labels or label sets as a tensor on `device`, int64 (batch) or uint8 (batch, classes); a tensor comes back as it is.
 * @throws {OptionError} as labelTensor; a set with something else than 0 and 1.
 * @throws {ShapeError} rows of different lengths, or a column (batch, 1), which may be meant as classes or as sets.
 * @throws {DTypeError} as labelTensor.
 */
export function labelOrSetTensor(labels: Labels | LabelSets, device: string, name = 'labels'): Tensor {
  const shape = labels instanceof Tensor ? labels.shape : isLabelSets(labels) ? [labels.length, labels[0]?.length] : [];
  if (shape[1] === 1)
    throw new ShapeError(
      `${name} must have shape (batch), a class a sample, or (batch, classes) with at least 2 classes, got [${shape}]`,
    );
  if (!isLabelSets(labels)) return labelTensor(labels as Labels, device, name);
  for (const [i, row] of labels.entries())
    for (const value of Array.isArray(row) ? row : [row])
      if (value !== 0 && value !== 1) throw new OptionError(`${name}[${i}] must hold 0 and 1, got ${describe(value)}`);
  return tensor(
    labels.map((row) => [...row]),
    { dtype: 'uint8', device },
  );
}

/**
 * Whether a batch holds one class only, every other row being a positive of each anchor. Such a batch is legal, but
 * teaches little: variant 'out' has nothing to push apart, and 'in' is the constant mean log|P| with a zero gradient.
 */
export function isSingleClass(labels: ArrayLike<number | bigint>): boolean {
  for (let i = 1; i < labels.length; i++) if (labels[i] !== labels[0]) return false;
  return labels.length > 0;
}
