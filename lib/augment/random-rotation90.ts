import { checkOptions } from '../validate.ts';
import { probability } from './arguments.ts';

export interface RandomRotation90 {
  readonly kind: 'randomRotation90';
  readonly p: number;
}

/**
 * Turns the image counter-clockwise by a random number of quarter turns, each equally likely; pixels are moved, not
 * resampled. Draws `turns`: 0, 1, 2 or 3. An image that is not square takes only 0 or 2, since a quarter turn would swap
 * its sides and the results of one batch must have one shape. Source: the rotations of SimCLR's study (Chen et al. 2020,
 * arXiv:2002.05709, fig. 4); the direction is that of torch.rot90.
 *
 * @param options.p default 1.
 */
export function randomRotation90(options: { readonly p?: number } = {}): RandomRotation90 {
  const kind = 'randomRotation90';
  checkOptions(kind, options, ['p']);
  return { kind, p: probability(kind, options.p ?? 1) };
}
