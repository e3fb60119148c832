/** Rectangles of image tensors overwritten. */
import * as ops from '../../tensor/ops.ts';
import { Tensor, tensor } from '../../tensor/tensor.ts';
import { checkOptions } from '../../validate.ts';
import { expectImages, list, type PerImage, side } from './arguments.ts';

export interface EraseOptions {
  readonly top: PerImage;
  readonly left: PerImage;
  readonly height: PerImage;
  readonly width: PerImage;
  /**
   * One number (default 0), one a channel, or a tensor on the images' device that broadcasts to their shape, such as
   * noise.
   */
  readonly value?: number | readonly number[] | Tensor;
}

/**
 * The window of each image becomes `value`; a window of no pixels changes nothing.
 *
 * Source: torchvision v2 functional.erase.
 *
 * @param images floating or uint8 (…, channels, height, width).
 * @returns the images' shape; differentiable in images and value.
 * @throws {OptionError} a window that leaves the image.
 * @throws {ShapeError} a value that does not broadcast.
 */
export function erase(images: Tensor, options: EraseOptions): Tensor {
  const where = 'erase';
  checkOptions(where, options, ['top', 'left', 'height', 'width', 'value']);
  const { top, left, height, width, value = 0 } = options;
  const windows = side(
    { [`${where}: top`]: top, [`${where}: left`]: left, [`${where}: height`]: height, [`${where}: width`]: width },
    { min: 0, integer: true },
  );
  expectImages(where, images);
  if (value instanceof Tensor) return ops.imageErase(images, windows, value);
  const values = list(`${where}: value`, value);
  using filling = tensor(values, { shape: [values.length, 1, 1], device: images.device });
  return ops.imageErase(images, windows, filling);
}
