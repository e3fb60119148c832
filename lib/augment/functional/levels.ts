/** Levels of image tensors, as torchvision v2's functional on float images (functional/_color.py); normalisation. */
import * as internal from '../../tensor/internal-ops.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { expectImages, type Factor, list, type PerImage, withFactor } from './arguments.ts';

/** 1 − x. @param images floating or uint8 (…, channels, height, width) in [0, 1]; differentiable. */
export function invert(images: Tensor): Tensor {
  return internal.imageInvert(expectImages('invert', images));
}

/**
 * 1 − x where x ≥ threshold.
 * @param images floating or uint8 (…, channels, height, width) in [0, 1]; differentiable.
 * @param threshold in [0, 1], of uint8 images in [0, 255]; for all images or for each.
 * @throws {OptionError} a threshold beyond that.
 */
export function solarize(images: Tensor, threshold: Factor): Tensor {
  const where = 'solarize';
  const range = { min: 0, max: expectImages(where, images).dtype === 'uint8' ? 255 : 1 };
  return withFactor(`${where}: threshold`, threshold, images, range, (each) => internal.imageSolarize(images, each));
}

/**
 * The lower end of each value's level, of 2^bits: floor(x 2^bits) / 2^bits.
 * @param images floating or uint8 (…, channels, height, width) in [0, 1].
 * @param bits from 0 to 8, for all images or for each.
 * @throws {OptionError} bits beyond that.
 */
export function posterize(images: Tensor, bits: PerImage): Tensor {
  const where = 'posterize';
  return internal.imagePosterize(expectImages(where, images), list(`${where}: bits`, bits, { integer: true }));
}

/**
 * Each channel of each image stretched so that its values reach from 0 to 1; a channel of one value stays.
 * @param images floating or uint8 (…, channels, height, width) in [0, 1]; differentiable.
 */
export function autocontrast(images: Tensor): Tensor {
  return internal.imageAutocontrast(expectImages('autocontrast', images));
}

/**
 * Each channel of each image spread so that 256 levels are about equally frequent; Pillow's table.
 * @param images floating or uint8 (…, channels, height, width) in [0, 1]; the result holds multiples of 1/255.
 */
export function equalize(images: Tensor): Tensor {
  return internal.imageEqualize(expectImages('equalize', images));
}

/**
 * (x − mean) / std for each channel. Source: torchvision v2 functional.normalize.
 * @param images floating (…, channels, height, width); differentiable.
 * @param mean one number, or one a channel.
 * @param std > 0, the same.
 * @throws {ShapeError} lists of another length.
 * @throws {OptionError} a std that is not positive, a number that is not finite.
 */
export function normalize(images: Tensor, mean: number | readonly number[], std: number | readonly number[]): Tensor {
  const where = 'normalize';
  return internal.imageNormalize(expectImages(where, images), list(`${where}: mean`, mean), list(`${where}: std`, std));
}
