/** Crops, padding, flips and quarter turns of image tensors; resizing. */
import type { OptionsOf, OptionTable } from '../../options/option.ts';
import { resolveOptions } from '../../options/resolve.ts';
import * as internal from '../../tensor/internal-ops.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { outside, paddingOf, pixels, type Size, sizePair } from '../arguments.ts';
import { expectImages, list, type PerImage, placeOption, side, windowOptions } from './arguments.ts';

const sizeOption = { type: 'checked', required: true, check: sizePair } as const;

export interface PadOptions extends OptionsOf<typeof outside> {}
export type PaddingMode = (typeof outside.paddingMode.choices)[number];

const cropOptions = {
  top: placeOption,
  left: placeOption,
  /** [height, width], or the side of a square. */
  size: sizeOption,
  /** Pixels on every side; [x, y]; or [left, top, right, bottom]. The window counts from the padded corner. Default 0. */
  padding: { type: 'checked', default: 0, check: paddingOf },
  ...outside,
} as const satisfies OptionTable;

export interface CropOptions extends OptionsOf<typeof cropOptions> {}

const resizedCropOptions = {
  ...windowOptions,
  /** Of the result: [height, width], or the side of a square. */
  size: sizeOption,
} as const satisfies OptionTable;

export interface ResizedCropOptions extends OptionsOf<typeof resizedCropOptions> {}

/**
 * The window of each image, of the image padded first where `padding` says so.
 *
 * Source: torchvision v2 functional.crop, after functional.pad; a window that leaves the image is an error here.
 *
 * @param images (…, channels, height, width), any dtype.
 * @returns (…, channels, size), differentiable.
 * @throws {OptionError} a window outside the padded image.
 * @throws {ShapeError} a window larger than it, or padding that cannot be mirrored.
 * @example
 * functional.crop(images, { top: [0, 3], left: [1, 0], size: 28, padding: 2 });
 */
export function crop(images: Tensor, options: CropOptions): Tensor {
  const where = 'crop';
  const resolved = resolveOptions(where, cropOptions, options, `${where}: `);
  const { top, left, size, padding, fill, paddingMode: mode } = resolved;
  return internal.imageCrop(expectImages(where, images), side(where, { top, left }), size, { padding, fill, mode });
}

/**
 * Images with a border: the same on all sides, [x, y], or [left, top, right, bottom] pixels.
 *
 * Source: torchvision v2 functional.pad.
 *
 * @param images (…, channels, height, width), any dtype.
 * @throws {ShapeError} padding that cannot be mirrored.
 */
export function pad(images: Tensor, padding: number | readonly number[], options: PadOptions = {}): Tensor {
  const where = 'pad';
  const { fill, paddingMode: mode } = resolveOptions(where, outside, options, `${where}: `);
  const sides = paddingOf(`${where}: padding`, padding);
  const [x0, y0, x1, y1] = sides;
  const [height, width] = heightAndWidth(where, images);
  return internal.imageCrop(images, [0, 0], [height + y0 + y1, width + x0 + x1], { padding: sides, fill, mode });
}

function heightAndWidth(where: string, images: Tensor): [number, number] {
  const { shape } = expectImages(where, images);
  return [shape.at(-2) ?? 0, shape.at(-1) ?? 0];
}

/**
 * The window of `size` at the centre. Source: torchvision v2 functional.center_crop, without its padding.
 * @param images (…, channels, height, width), any dtype.
 * @throws {ShapeError} an image that is smaller.
 */
export function centerCrop(images: Tensor, size: Size): Tensor {
  const where = 'centerCrop';
  const [tall, wide] = sizePair(`${where}: size`, size);
  const [height, width] = heightAndWidth(where, images);
  // Half to even, as Python's round().
  const middle = (room: number): number => Math.max(0, room % 4 === 1 ? (room - 1) / 2 : Math.ceil(room / 2));
  return internal.imageCrop(images, [middle(height - tall), middle(width - wide)], [tall, wide]);
}

/**
 * The window of each image, resized: bilinear, antialiased; two batched matrix products.
 *
 * Source: torchvision v2 functional.resized_crop.
 *
 * @param images floating or uint8 (…, channels, height, width).
 * @returns (…, channels, size), differentiable.
 * @throws {OptionError} a window that leaves the image.
 * @example
 * functional.resizedCrop(images, { top: [0, 3], left: [1, 0], height: 20, width: [20, 24], size: 32 });
 */
export function resizedCrop(images: Tensor, options: ResizedCropOptions): Tensor {
  const where = 'resizedCrop';
  const { size, ...window } = resolveOptions(where, resizedCropOptions, options, `${where}: `);
  return internal.imageResizedCrop(expectImages(where, images), side(where, window), size);
}

/**
 * Bilinear, antialiased, to [height, width], or so that the shorter edge is `size`. Source: torchvision v2
 * functional.resize.
 * @param images floating or uint8 (…, channels, height, width); differentiable.
 */
export function resize(images: Tensor, size: Size): Tensor {
  const where = 'resize';
  const [height, width] = heightAndWidth(where, images);
  if (typeof size !== 'number') return internal.imageResize(images, sizePair(`${where}: size`, size));
  const shorter = pixels(`${where}: size`, size);
  const longer = (edge: number, other: number): number => Math.floor((shorter * edge) / other);
  return internal.imageResize(
    images,
    width <= height ? [longer(height, width), shorter] : [shorter, longer(width, height)],
  );
}

/** Left and right swapped. @param images (…, channels, height, width), any dtype; differentiable. */
export function horizontalFlip(images: Tensor): Tensor {
  return internal.imageFlip(expectImages('horizontalFlip', images), { horizontal: true });
}

/** Top and bottom swapped. @param images (…, channels, height, width), any dtype; differentiable. */
export function verticalFlip(images: Tensor): Tensor {
  return internal.imageFlip(expectImages('verticalFlip', images), { vertical: true });
}

/**
 * Quarter turns counter-clockwise, as torch.rot90.
 * @param images (…, channels, height, width), any dtype; differentiable.
 * @param turns an integer; or one for each image, where images that are not square are turned by even numbers, or all by
 *   the same.
 * @throws {ShapeError} results of different shapes.
 */
export function rotate90(images: Tensor, turns: PerImage): Tensor {
  return internal.imageRotate90(expectImages('rotate90', images), list('rotate90: turns', turns, { integer: true }));
}
