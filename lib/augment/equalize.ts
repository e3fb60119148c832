import { checkOptions } from '../validate.ts';
import { probability } from './arguments.ts';

export interface Equalize {
  readonly kind: 'equalize';
  readonly p: number;
}

/**
 * Spreads the values of each channel so that the 256 levels of a byte are about equally frequent: a value becomes the
 * level that Pillow's table gives its own, divided by 255. Values outside [0, 1] count as the nearer end. Any number of
 * channels, each by itself. Source: torchvision v2 RandomEqualize.
 *
 * @param options.p default 1.
 */
export function equalize(options: { readonly p?: number } = {}): Equalize {
  const kind = 'equalize';
  checkOptions(kind, options, ['p']);
  return { kind, p: probability(kind, options.p ?? 1) };
}
