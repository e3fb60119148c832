import type { OptionsOf } from '../options/option.ts';
import { applied, type TransformOf, transformOf } from './arguments.ts';

const declared = applied(0.1);

export interface RandomGrayscaleOptions extends OptionsOf<typeof declared> {}
export interface RandomGrayscale extends TransformOf<'randomGrayscale', typeof declared> {}

/**
 * Gray (0.2989, 0.587, 0.114) in all three channels with probability `p` (default 0.1); a gray image stays as it is.
 * Source: torchvision v2 RandomGrayscale.
 */
export function randomGrayscale(options: RandomGrayscaleOptions = {}): RandomGrayscale {
  return transformOf('randomGrayscale', declared, options);
}
