import type { OptionsOf, OptionTable } from '../options/option.ts';
import { applied, positiveRange, type Size, sizePair, type TransformOf, transformOf } from './arguments.ts';

const declared = {
  size: { type: 'checked', required: true, check: sizePair },
  /** Part of the image's area, default [0.08, 1]. */
  scale: { type: 'checked', default: [0.08, 1], check: positiveRange },
  /** Width over height before resizing, default [3/4, 4/3]. */
  ratio: { type: 'checked', default: [3 / 4, 4 / 3], check: positiveRange },
  ...applied(1),
} as const satisfies OptionTable;

export interface RandomResizedCropOptions extends Omit<OptionsOf<typeof declared>, 'size'> {}
export interface RandomResizedCrop extends TransformOf<'randomResizedCrop', typeof declared> {}

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
  return transformOf('randomResizedCrop', declared, options, { size });
}
