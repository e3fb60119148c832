/** What encoders and heads take: checked at their door, where a message can say what was meant. */
import { DTypeError, OptionError, ShapeError } from '../errors.ts';
import { autocastDtype } from '../tensor/modes.ts';
import { Tensor } from '../tensor/tensor.ts';
import { describe } from '../validate.ts';

/** @throws as checkImages; x must be (batch, features). */
export function checkFeatures(x: Tensor, features: number, weight: Tensor): void {
  checkTensor(x);
  if (x.ndim !== 2 || x.shape[1] !== features || x.shape[0] === 0)
    throw new ShapeError(`features must have shape (batch, ${features}), got [${x.shape.join(', ')}]`);
  checkDtype(x, weight);
}

/**
 * @param x must be (batch, channels, height, width), of the dtype of `weight`; under autocast of any float but float64.
 * @throws {OptionError} no tensor; {ShapeError} another shape; {DTypeError} another dtype.
 */
export function checkImages(x: Tensor, channels: number, weight: Tensor): void {
  checkTensor(x);
  const shape = `[${x.shape.join(', ')}]`;
  if (x.ndim !== 4 || x.shape[1] !== channels)
    throw new ShapeError(`images must have shape (batch, ${channels}, height, width), got ${shape}`);
  if (x.size === 0) throw new ShapeError(`images must have at least one sample and one pixel, got ${shape}`);
  checkDtype(x, weight);
}

function checkTensor(x: unknown): void {
  if (!(x instanceof Tensor)) throw new OptionError(`x must be a Tensor, got ${describe(x)}`);
}

function checkDtype({ dtype }: Tensor, weight: Tensor): void {
  const isCast = autocastDtype() !== undefined && ['float32', 'bfloat16', 'float16'].includes(dtype);
  if (dtype !== weight.dtype && !isCast)
    throw new DTypeError(`the input must have the dtype of the module's parameters, ${weight.dtype}, got ${dtype}`);
}
