import { checkOptions } from '../validate.ts';
import { expectRange, probability, type Range, type Size, sizePair } from './arguments.ts';

export interface RandomResizedCropOptions {
  /** Part of the image's area, default [0.08, 1]. */
  readonly scale?: Range;
  /** Width over height before resizing, default [3/4, 4/3]. */
  readonly ratio?: Range;
  readonly p?: number;
}

export interface RandomResizedCrop {
  readonly kind: 'randomResizedCrop';
  readonly size: readonly [number, number];
  readonly scale: Range;
  readonly ratio: Range;
  readonly p: number;
}

/**
 * A random window of the image, resized to `size` (bilinear, antialiased).
 *
 * Up to 10 tries: area A·U(scale), ratio exp(U(log ratio)); else the largest centred window whose ratio is in range.
 * Draws `top`, `left`, `height`, `width` (pixels). Source: torchvision v2 RandomResizedCrop.
 *
 * @param size pixels: a number for a square, or [height, width].
 * @throws {OptionError} a size below 1, a range that is not 0 < min <= max.
 */
export function randomResizedCrop(size: Size, options: RandomResizedCropOptions = {}): RandomResizedCrop {
  const kind = 'randomResizedCrop';
  checkOptions(kind, options, ['scale', 'ratio', 'p']);
  return {
    kind,
    size: sizePair(kind, size),
    scale: expectRange(`${kind}: scale`, options.scale ?? [0.08, 1], { above: 0 }),
    ratio: expectRange(`${kind}: ratio`, options.ratio ?? [3 / 4, 4 / 3], { above: 0 }),
    p: probability(kind, options.p ?? 1),
  };
}
