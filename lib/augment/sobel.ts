import type { OptionsOf } from '../options/option.ts';
import { applied, type TransformOf, transformOf } from './arguments.ts';

const declared = applied(1);

export interface SobelOptions extends OptionsOf<typeof declared> {}
export interface Sobel extends TransformOf<'sobel', typeof declared> {}

/**
 * Edges: the length of each channel's gradient, r = min(1, √(x² + y²)). x and y are the responses of Sobel's operator in
 * both directions, divided by 4, so that a step from 0 to 1 along an axis gives 1; beyond the border lies the border's
 * value. The number of channels stays, whatever it is. Put it before `normalize`.
 * Source: the Sobel filtering of SimCLR's study (Chen et al. 2020, arXiv:2002.05709, fig. 4), whose paper leaves the
 * output open; the operator is that of Sobel and Feldman 1968, as scipy.ndimage.sobel with mode "nearest", over 4.
 *
 * @param options.p default 1.
 */
export function sobel(options: SobelOptions = {}): Sobel {
  return transformOf('sobel', declared, options);
}
