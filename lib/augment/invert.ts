import type { OptionsOf } from '../options/option.ts';
import { applied, type TransformOf, transformOf } from './arguments.ts';

const declared = applied(1);

export interface InvertOptions extends OptionsOf<typeof declared> {}
export interface Invert extends TransformOf<'invert', typeof declared> {}

/**
 * x → 1 − x. Any number of channels. Source: torchvision v2 RandomInvert.
 *
 * @param options.p default 1.
 */
export function invert(options: InvertOptions = {}): Invert {
  return transformOf('invert', declared, options);
}
