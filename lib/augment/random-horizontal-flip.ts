import type { OptionsOf } from '../options/option.ts';
import { applied, type TransformOf, transformOf } from './arguments.ts';

const declared = applied(0.5);

export interface RandomHorizontalFlipOptions extends OptionsOf<typeof declared> {}
export interface RandomHorizontalFlip extends TransformOf<'randomHorizontalFlip', typeof declared> {}

/** Swaps left and right with probability `p` (default 0.5). Source: torchvision v2 RandomHorizontalFlip. */
export function randomHorizontalFlip(options: RandomHorizontalFlipOptions = {}): RandomHorizontalFlip {
  return transformOf('randomHorizontalFlip', declared, options);
}
