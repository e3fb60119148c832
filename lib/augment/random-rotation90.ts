import type { OptionsOf } from '../options/option.ts';
import { applied, type TransformOf, transformOf } from './arguments.ts';

const declared = applied(1);

export interface RandomRotation90Options extends OptionsOf<typeof declared> {}
export interface RandomRotation90 extends TransformOf<'randomRotation90', typeof declared> {}

/**
 * Turns the image counter-clockwise by a random number of quarter turns, each equally likely; pixels are moved, not
 * resampled. Draws `turns`: 0, 1, 2 or 3. An image that is not square takes only 0 or 2, since a quarter turn would swap
 * its sides and the results of one batch must have one shape. Source: the rotations of SimCLR's study (Chen et al. 2020,
 * arXiv:2002.05709, fig. 4); the direction is that of torch.rot90.
 *
 * @param options.p default 1.
 */
export function randomRotation90(options: RandomRotation90Options = {}): RandomRotation90 {
  return transformOf('randomRotation90', declared, options);
}
