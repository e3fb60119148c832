/** Crops, padding, flips and quarter turns of image tensors; resizing. */
import { OptionError } from '../../errors.ts';
import * as ops from '../../tensor/ops.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { checkOptions, expectNumber, expectOneOf } from '../../validate.ts';
import { expectList, pixels, type Size, sizePair } from '../arguments.ts';
import { expectImages, list, type PerImage, side } from './arguments.ts';

/** How an image goes on outside: a value, its border pixel, its mirror image without or with the border pixel. */
export type PaddingMode = 'constant' | 'edge' | 'reflect' | 'symmetric';

export interface PadOptions {
  /** The value outside, where `paddingMode` is 'constant'; default 0. */
  readonly fill?: number;
  /** Default 'constant'. */
  readonly paddingMode?: PaddingMode;
}

export interface CropOptions extends PadOptions {
  readonly top: PerImage;
  readonly left: PerImage;
  /** [height, width], or the side of a square. */
  readonly size: Size;
  /** Pixels on every side; [x, y]; or [left, top, right, bottom]. The window counts from the padded corner. Default 0. */
  readonly padding?: number | readonly number[];
}

export interface ResizedCropOptions {
  readonly top: PerImage;
  readonly left: PerImage;
  readonly height: PerImage;
  readonly width: PerImage;
  /** Of the result: [height, width], or the side of a square. */
  readonly size: Size;
}

const whole = { min: 0, integer: true } as const;
const paddingModes = ['constant', 'edge', 'reflect', 'symmetric'] as const;

function sides(where: string, padding: unknown): number[] {
  const name = `${where}: padding`;
  if (typeof padding === 'number') return new Array<number>(4).fill(expectNumber(name, padding, whole));
  const given = expectList(name, padding, [2, 4], (inner, value) => expectNumber(inner, value, whole));
  if (given.length === 3) throw new OptionError(`${name} must be one number, [x, y] or four numbers, got three`);
  return given.length === 2 ? [...given, ...given] : given;
}

const padOptions = (where: string, { fill = 0, paddingMode = 'constant' }: PadOptions) => ({
  fill: expectNumber(`${where}: fill`, fill),
  mode: expectOneOf(`${where}: paddingMode`, paddingMode, paddingModes),
});

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
  checkOptions(where, options, ['top', 'left', 'size', 'padding', 'fill', 'paddingMode']);
  const { top, left, size, padding = 0 } = options;
  const corners = side({ [`${where}: top`]: top, [`${where}: left`]: left }, whole);
  return ops.imageCrop(expectImages(where, images), corners, sizePair(`${where}: size`, size), {
    padding: sides(where, padding),
    ...padOptions(where, options),
  });
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
  checkOptions(where, options, ['fill', 'paddingMode']);
  const [x0, y0, x1, y1] = sides(where, padding) as [number, number, number, number];
  const [height, width] = heightAndWidth(where, images);
  return ops.imageCrop(images, [0, 0], [height + y0 + y1, width + x0 + x1], {
    padding: [x0, y0, x1, y1],
    ...padOptions(where, options),
  });
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
  return ops.imageCrop(images, [middle(height - tall), middle(width - wide)], [tall, wide]);
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
  checkOptions(where, options, ['top', 'left', 'height', 'width', 'size']);
  const { top, left, height, width, size } = options;
  const windows = side(
    { [`${where}: top`]: top, [`${where}: left`]: left, [`${where}: height`]: height, [`${where}: width`]: width },
    whole,
  );
  return ops.imageResizedCrop(expectImages(where, images), windows, sizePair(`${where}: size`, size));
}

/**
 * Bilinear, antialiased, to [height, width], or so that the shorter edge is `size`. Source: torchvision v2
 * functional.resize.
 * @param images floating or uint8 (…, channels, height, width); differentiable.
 */
export function resize(images: Tensor, size: Size): Tensor {
  const where = 'resize';
  const [height, width] = heightAndWidth(where, images);
  if (typeof size !== 'number') return ops.imageResize(images, sizePair(`${where}: size`, size));
  const shorter = pixels(`${where}: size`, size);
  const longer = (edge: number, other: number): number => Math.floor((shorter * edge) / other);
  return ops.imageResize(images, width <= height ? [longer(height, width), shorter] : [shorter, longer(width, height)]);
}

/** Left and right swapped. @param images (…, channels, height, width), any dtype; differentiable. */
export function horizontalFlip(images: Tensor): Tensor {
  return ops.imageFlip(expectImages('horizontalFlip', images), { horizontal: true });
}

/** Top and bottom swapped. @param images (…, channels, height, width), any dtype; differentiable. */
export function verticalFlip(images: Tensor): Tensor {
  return ops.imageFlip(expectImages('verticalFlip', images), { vertical: true });
}

/**
 * Quarter turns counter-clockwise, as torch.rot90.
 * @param images (…, channels, height, width), any dtype; differentiable.
 * @param turns an integer; or one for each image, where images that are not square are turned by even numbers, or all by
 *   the same.
 * @throws {ShapeError} results of different shapes.
 */
export function rotate90(images: Tensor, turns: PerImage): Tensor {
  return ops.imageRotate90(expectImages('rotate90', images), list('rotate90: turns', turns, { integer: true }));
}
