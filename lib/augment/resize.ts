import type { OptionsOf, OptionTable } from '../options/option.ts';
import { applied, pixels, type Size, sizePair, type TransformOf, transformOf } from './arguments.ts';

/** Both sides, or the shorter edge. */
const sides = (name: string, value: Size): Size => (Array.isArray(value) ? sizePair(name, value) : pixels(name, value));

const declared = {
  size: { type: 'checked', required: true, check: sides },
  ...applied(1),
} as const satisfies OptionTable;

export interface ResizeOptions extends Omit<OptionsOf<typeof declared>, 'size'> {}
export interface Resize extends TransformOf<'resize', typeof declared> {}

/**
 * Resizes, bilinear and antialiased. Source: torchvision v2 Resize.
 *
 * @param size pixels: [height, width], or a number for the shorter edge (the ratio stays).
 * @throws {OptionError} a size below 1.
 */
export function resize(size: Size, options: ResizeOptions = {}): Resize {
  return transformOf('resize', declared, options, { size });
}
