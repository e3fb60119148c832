/** Rotation, affine and projective maps and elastic distortion of image tensors, each image by its own. */

import { DTypeError, OptionError, ShapeError } from '../../errors.ts';
import type { OptionsOf, OptionTable, ResolvedOf } from '../../options/option.ts';
import { resolveOptions } from '../../options/resolve.ts';
import * as internal from '../../tensor/internal-ops.ts';
import { Tensor } from '../../tensor/tensor.ts';
import { describe } from '../../validate.ts';
import { warp } from '../arguments.ts';
import { expectImages, list, type PairPerImage, type PerImage, pairs } from './arguments.ts';

export interface WarpOptions extends OptionsOf<ReturnType<typeof warp>> {}

const affineOptions = {
  /** Degrees, clockwise; default 0. */
  angle: { type: 'checked', default: 0, check: (name: string, value: PerImage) => list(name, value) },
  /** [x, y] in pixels; default [0, 0]. */
  translate: { type: 'checked', default: [0, 0], check: (name: string, value: PairPerImage) => pairs(name, value) },
  /** > 0; default 1. */
  scale: { type: 'checked', default: 1, check: (name: string, value: PerImage) => list(name, value) },
  /** [x, y] in degrees; default [0, 0]. */
  shear: { type: 'checked', default: [0, 0], check: (name: string, value: PairPerImage) => pairs(name, value) },
  ...warp('nearest'),
} as const satisfies OptionTable;

export interface AffineOptions extends OptionsOf<typeof affineOptions> {}

/** As native operations take them: those that are none are left out. */
const given = ({ fill, ...rest }: ResolvedOf<ReturnType<typeof warp>>) => ({ ...rest, ...(fill !== null && { fill }) });

/**
 * Rotation about the centre; the size stays.
 *
 * Source: torchvision v2 functional.rotate without `expand`.
 *
 * @param images floating or uint8 (…, channels, height, width); differentiable.
 * @param angle degrees counter-clockwise, for all images or for each.
 * @param options.interpolation 'nearest' (default) or 'bilinear'.
 * @example
 * functional.rotate(images, [10, -10], { interpolation: 'bilinear' });
 */
export function rotate(images: Tensor, angle: PerImage, options: WarpOptions = {}): Tensor {
  const where = 'rotate';
  const checked = resolveOptions(where, warp('nearest'), options, `${where}: `);
  return internal.imageRotate(expectImages(where, images), list(`${where}: angle`, angle), given(checked));
}

/**
 * Shear, scale and rotation about the centre, then translation; the size stays.
 *
 * Source: torchvision v2 functional.affine.
 *
 * @param images floating or uint8 (…, channels, height, width); differentiable.
 * @param options.interpolation 'nearest' (default) or 'bilinear'.
 * @throws {OptionError} a scale that is not positive.
 * @throws {ShapeError} a parameter for another number of images.
 */
export function affine(images: Tensor, options: AffineOptions): Tensor {
  const where = 'affine';
  const { angle, translate, scale, shear, ...checked } = resolveOptions(where, affineOptions, options, `${where}: `);
  return internal.imageAffine(expectImages(where, images), angle, translate, scale, shear, given(checked));
}

/**
 * A projective map: the output pixel whose centre is (x, y), in pixels from the top left corner, shows what is at
 * ((a x + b y + c) / (g x + h y + 1), (d x + e y + f) / (g x + h y + 1)).
 *
 * Source: torchvision v2 functional.perspective with `coefficients`.
 *
 * @param images floating or uint8 (…, channels, height, width); differentiable.
 * @param coefficients [a, b, c, d, e, f, g, h] for all images, or one such list for each.
 * @param options.interpolation 'bilinear' (default) or 'nearest'.
 */
export function perspective(
  images: Tensor,
  coefficients: readonly number[] | readonly (readonly number[])[],
  options: WarpOptions = {},
): Tensor {
  const where = 'perspective';
  const checked = resolveOptions(where, warp('bilinear'), options, `${where}: `);
  if (!Array.isArray(coefficients) || coefficients.length === 0)
    throw new OptionError(`${where}: coefficients must be eight numbers, got ${describe(coefficients)}`);
  const each = Array.isArray(coefficients[0]) ? (coefficients as readonly number[][]) : [coefficients as number[]];
  const flat = each.flatMap((row, i) => {
    if (row.length !== 8)
      throw new ShapeError(`${where}: coefficients must be eight numbers for each image, got ${row.length}`);
    return list(`${where}: coefficients[${i}]`, row);
  });
  return internal.imagePerspective(expectImages(where, images), flat, given(checked));
}

/**
 * Every output pixel shows the source at its own position plus a displacement.
 *
 * Source: torchvision v2 functional.elastic.
 *
 * @param images floating or uint8 (…, channels, height, width).
 * @param displacement floating (height, width, 2), or (images, height, width, 2), of [x, y] in units of half the image's
 *   width and height, on the images' device.
 * @param options.interpolation 'bilinear' (default) or 'nearest'.
 * @returns the images' shape; differentiable in images and, bilinear, in displacement.
 * @throws {ShapeError} a displacement of another size.
 */
export function elastic(images: Tensor, displacement: Tensor, options: WarpOptions = {}): Tensor {
  const where = 'elastic';
  const checked = resolveOptions(where, warp('bilinear'), options, `${where}: `);
  if (!(displacement instanceof Tensor))
    throw new DTypeError(`${where}: displacement must be a Tensor, got ${describe(displacement)}`);
  return internal.imageElastic(expectImages(where, images), displacement, given(checked));
}
