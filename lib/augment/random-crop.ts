import type { OptionsOf, OptionTable } from '../options/option.ts';
import { applied, outside, paddingOf, type Size, sizePair, type TransformOf, transformOf } from './arguments.ts';

const declared = {
  size: { type: 'checked', required: true, check: sizePair },
  /** Pixels added before cropping: a number, [left/right, top/bottom] or [left, top, right, bottom]; default 0. */
  padding: { type: 'checked', default: 0, check: paddingOf },
  ...outside,
  ...applied(1),
} as const satisfies OptionTable;

export interface RandomCropOptions extends Omit<OptionsOf<typeof declared>, 'size'> {}
export interface RandomCrop extends TransformOf<'randomCrop', typeof declared> {}

/**
 * A random window of `size` of the padded image. Draws `top`, `left` in the padded image (pixels). Source: torchvision v2
 * RandomCrop.
 *
 * @param size pixels: a number for a square, or [height, width].
 * @throws {OptionError} a size below 1, a negative padding, an unknown mode.
 */
export function randomCrop(size: Size, options: RandomCropOptions = {}): RandomCrop {
  return transformOf('randomCrop', declared, options, { size });
}
