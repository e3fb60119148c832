import type { OptionsOf } from '../options/option.ts';
import { applied, type TransformOf, transformOf } from './arguments.ts';

const declared = applied(1);

export interface EqualizeOptions extends OptionsOf<typeof declared> {}
export interface Equalize extends TransformOf<'equalize', typeof declared> {}

/**
 * Spreads the values of each channel so that the 256 levels of a byte are about equally frequent: a value becomes the
 * level that Pillow's table gives its own, divided by 255. Values outside [0, 1] count as the nearer end. Any number of
 * channels, each by itself. Source: torchvision v2 RandomEqualize.
 *
 * @param options.p default 1.
 */
export function equalize(options: EqualizeOptions = {}): Equalize {
  return transformOf('equalize', declared, options);
}
