import { checkOptions } from '../validate.ts';
import { probability } from './arguments.ts';

export interface RandomGrayscale {
  readonly kind: 'randomGrayscale';
  readonly p: number;
}

/**
 * Gray (0.2989, 0.587, 0.114) in all three channels with probability `p` (default 0.1); a gray image stays as it is.
 * Source: torchvision v2 RandomGrayscale.
 */
export function randomGrayscale(options: { readonly p?: number } = {}): RandomGrayscale {
  const kind = 'randomGrayscale';
  checkOptions(kind, options, ['p']);
  return { kind, p: probability(kind, options.p ?? 0.1) };
}
