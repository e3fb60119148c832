/** Filters over neighbourhoods, and noise, for image tensors. */
import type { OptionsOf, OptionTable } from '../../options/option.ts';
import { asGiven, resolveOptions } from '../../options/resolve.ts';
import * as internal from '../../tensor/internal-ops.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { expectNumber } from '../../validate.ts';
import { expectImages, type Factor, type PairPerImage, pairs, withFactor } from './arguments.ts';

/**
 * Separable Gaussian blur with reflected borders, one σ for both axes.
 *
 * Source: torchvision v2 functional.gaussian_blur.
 *
 * @param images floating or uint8 (…, channels, height, width).
 * @param kernelSize odd, in pixels; at most twice the image's sides less one.
 * @param sigma > 0, in pixels; one for all images, or one for each.
 * @returns the images' shape; differentiable in images and sigma.
 * @throws {OptionError} an even kernel, a sigma that is not positive.
 * @throws {ShapeError} an image too small to be reflected.
 * @example
 * functional.gaussianBlur(images, 23, [0.1, 2]);
 */
export function gaussianBlur(images: Tensor, kernelSize: number, sigma: Factor): Tensor {
  const where = 'gaussianBlur';
  const size = expectNumber(`${where}: kernelSize`, kernelSize, { integer: true });
  return withFactor(`${where}: sigma`, sigma, expectImages(where, images), { above: 0 }, (each) =>
    internal.imageGaussianBlur(images, size, each),
  );
}

/**
 * The length of each channel's gradient, at most 1: √(x² + y²) of Sobel's responses, each 1 at a step from 0 to 1;
 * beyond the border lies the border's value.
 *
 * @param images floating or uint8 (…, channels, height, width) in [0, 1]; differentiable.
 */
export function sobel(images: Tensor): Tensor {
  return internal.imageSobel(expectImages('sobel', images));
}

const noiseOptions = {
  /** ≥ 0; one for all images, or one for each. */
  sigma: { type: 'checked', required: true, check: asGiven<Factor> },
  /** Default 0. */
  mean: { type: 'number', default: 0 },
  /** Clamp to [0, 1]; default true. */
  clip: { type: 'boolean', default: true },
  /**
   * Two integers from 0 to 2^32 − 1, which choose the noise, as a pipeline draws them; one pair for each image, or one
   * for all, which then get the same noise.
   */
  noiseKey: {
    ...{ type: 'checked', required: true },
    check: (name: string, value: PairPerImage) => pairs(name, value, { integer: true }),
  },
} as const satisfies OptionTable;

export interface GaussianNoiseOptions extends OptionsOf<typeof noiseOptions> {}

/**
 * x + mean + σ N(0, 1), with noise of its own for each value: a function of the key, the same on every device.
 *
 * Source: torchvision v2 functional.gaussian_noise, with a counter-based generator.
 *
 * @param images floating (…, channels, height, width).
 * @returns the images' shape; differentiable in images and sigma.
 * @throws {OptionError} a negative sigma, a key that is none.
 * @example
 * functional.gaussianNoise(images, { sigma: 0.1, noiseKey: [1, 2] });
 */
export function gaussianNoise(images: Tensor, options: GaussianNoiseOptions): Tensor {
  const where = 'gaussianNoise';
  const { sigma, noiseKey, ...rest } = resolveOptions(where, noiseOptions, options, `${where}: `);
  return withFactor(`${where}: sigma`, sigma, expectImages(where, images), { min: 0 }, (each) =>
    internal.imageGaussianNoise(images, each, noiseKey, rest),
  );
}
