import type { OptionsOf, OptionTable } from '../options/option.ts';
import { applied, type Size, sizePair, type TransformOf, transformOf } from './arguments.ts';

const declared = {
  size: { type: 'checked', required: true, check: sizePair },
  ...applied(1),
} as const satisfies OptionTable;

export interface CenterCropOptions extends Omit<OptionsOf<typeof declared>, 'size'> {}
export interface CenterCrop extends TransformOf<'centerCrop', typeof declared> {}

/**
 * The window of `size` at the centre. Source: torchvision v2 CenterCrop; an image smaller than the window is a
 * ShapeError here, not padded.
 *
 * @param size pixels: a number for a square, or [height, width].
 * @throws {OptionError} a size below 1.
 */
export function centerCrop(size: Size, options: CenterCropOptions = {}): CenterCrop {
  return transformOf('centerCrop', declared, options, { size });
}
