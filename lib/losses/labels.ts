/** Class labels as users hold them, and what the losses make of them. */
import { DTypeError } from '../errors.ts';
import { Tensor, tensor } from '../tensor/tensor.ts';
import { describe, expectNumber } from '../validate.ts';

/** One integer class a sample: an integer tensor (batch), an array of integers, or a typed array of them. */
export type Labels = Tensor | readonly number[] | Uint8Array | Int32Array | BigInt64Array;

/**
 * Labels as an int64 tensor (batch) on `device`; a tensor comes back as it is.
 * @throws {OptionError} an array with something that is not an integer.
 * @throws {DTypeError} neither a tensor nor an array of integers.
 */
export function labelTensor(labels: Labels, device: string): Tensor {
  if (labels instanceof Tensor) return labels;
  if (Array.isArray(labels)) {
    for (const [i, label] of labels.entries()) expectNumber(`labels[${i}]`, label, { integer: true });
    return tensor(labels, { shape: [labels.length], dtype: 'int64', device });
  }
  if (labels instanceof Uint8Array || labels instanceof Int32Array || labels instanceof BigInt64Array)
    return tensor(labels, { dtype: 'int64', device });
  throw new DTypeError(`labels must be integers in a Tensor, an array or a typed array, got ${describe(labels)}`);
}

/**
 * Whether a batch holds one class only, every other row being a positive of each anchor. Such a batch is legal, but
 * teaches little: variant 'out' has nothing to push apart, and 'in' is the constant mean log|P| with a zero gradient.
 */
export function isSingleClass(labels: ArrayLike<number | bigint>): boolean {
  for (let i = 1; i < labels.length; i++) if (labels[i] !== labels[0]) return false;
  return labels.length > 0;
}
