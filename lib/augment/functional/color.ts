/** Colours of image tensors, as torchvision v2's functional on float images (functional/_color.py). */
import type { OptionsOf, OptionTable } from '../../options/option.ts';
import { resolveOptions } from '../../options/resolve.ts';
import * as internal from '../../tensor/internal-ops.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { expectChannels } from '../../validate.ts';
import { expectImages, type Factor, withFactor } from './arguments.ts';

type Adjust = (images: Tensor, factor: Tensor | number) => Tensor;

const adjust = (where: string, operation: Adjust, images: Tensor, value: Factor): Tensor =>
  withFactor(`${where}: factor`, value, expectImages(where, images), { min: 0 }, (each) => operation(images, each));

/**
 * clamp(x · factor).
 *
 * @param images floating or uint8 (…, 1 or 3, height, width) in [0, 1].
 * @param factor ≥ 0; one for all images, or one for each. A tensor is on the images' device and read back to be checked.
 * @returns the images' shape; differentiable in images and factor.
 * @throws {OptionError} a factor that is negative or not finite.
 * @example
 * functional.adjustBrightness(images, [0.8, 1.2]);
 */
export function adjustBrightness(images: Tensor, factor: Factor): Tensor {
  return adjust('adjustBrightness', internal.imageAdjustBrightness, images, factor);
}

/** Blend with the mean of the image's gray; arguments as adjustBrightness. */
export function adjustContrast(images: Tensor, factor: Factor): Tensor {
  return adjust('adjustContrast', internal.imageAdjustContrast, images, factor);
}

/** Blend with the image's gray (0.2989, 0.587, 0.114); a gray image stays. Arguments as adjustBrightness. */
export function adjustSaturation(images: Tensor, factor: Factor): Tensor {
  return adjust('adjustSaturation', internal.imageAdjustSaturation, images, factor);
}

/**
 * Blend with the 3 × 3 smoothed image: 0 is smooth, 1 as it is, more is sharper; the border stays. Any number of
 * channels; arguments as adjustBrightness.
 */
export function adjustSharpness(images: Tensor, factor: Factor): Tensor {
  return adjust('adjustSharpness', internal.imageAdjustSharpness, images, factor);
}

/**
 * The hue turned: (h + factor) mod 1 in HSV; a gray image stays.
 * @param images floating or uint8 (…, 1 or 3, height, width) in [0, 1].
 * @param factor in turns of the colour circle, from -0.5 to 0.5; one for all images, or one for each.
 * @returns the images' shape; differentiable in images and factor.
 * @throws {OptionError} a factor beyond that.
 */
export function adjustHue(images: Tensor, factor: Factor): Tensor {
  const where = 'adjustHue';
  return withFactor(`${where}: factor`, factor, expectImages(where, images), { min: -0.5, max: 0.5 }, (each) =>
    internal.imageAdjustHue(images, each),
  );
}

const grayscaleOptions = {
  /** Of the result, 1 (default) or 3 equal ones. */
  channels: { type: 'checked', default: 1, check: expectChannels },
} as const satisfies OptionTable;

export interface GrayscaleOptions extends OptionsOf<typeof grayscaleOptions> {}

/**
 * Gray by ITU-R 601: 0.2989 r + 0.587 g + 0.114 b.
 * @param images floating or uint8 (…, 1 or 3, height, width); differentiable.
 */
export function rgbToGrayscale(images: Tensor, options: GrayscaleOptions = {}): Tensor {
  const where = 'rgbToGrayscale';
  const { channels } = resolveOptions(where, grayscaleOptions, options, `${where}: `);
  return internal.imageRgbToGrayscale(expectImages(where, images), channels);
}
