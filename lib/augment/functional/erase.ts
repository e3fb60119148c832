/** Rectangles of image tensors overwritten. */
import type { OptionsOf, OptionTable } from '../../options/option.ts';
import { resolveOptions } from '../../options/resolve.ts';
import * as internal from '../../tensor/internal-ops.ts';
import { Tensor, tensor } from '../../tensor/tensor.ts';
import { expectImages, type Factor, list, side, windowOptions } from './arguments.ts';

const declared = {
  ...windowOptions,
  /**
   * One number (default 0), one a channel, or a tensor on the images' device that broadcasts to their shape, such as
   * noise.
   */
  value: {
    ...{ type: 'checked', default: 0 },
    check: (name: string, value: Factor) => (value instanceof Tensor ? value : list(name, value)),
  },
} as const satisfies OptionTable;

export interface EraseOptions extends OptionsOf<typeof declared> {}

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
  const { value, ...window } = resolveOptions(where, declared, options, `${where}: `);
  const windows = side(where, window);
  expectImages(where, images);
  if (value instanceof Tensor) return internal.imageErase(images, windows, value);
  using filling = tensor(value, { shape: [value.length, 1, 1], device: images.device });
  return internal.imageErase(images, windows, filling);
}
