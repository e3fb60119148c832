import type { OptionsOf } from '../options/option.ts';
import { applied, type TransformOf, transformOf } from './arguments.ts';

const declared = applied(0.5);

export interface RandomVerticalFlipOptions extends OptionsOf<typeof declared> {}
export interface RandomVerticalFlip extends TransformOf<'randomVerticalFlip', typeof declared> {}

/** Swaps top and bottom with probability `p` (default 0.5). Source: torchvision v2 RandomVerticalFlip. */
export function randomVerticalFlip(options: RandomVerticalFlipOptions = {}): RandomVerticalFlip {
  return transformOf('randomVerticalFlip', declared, options);
}
