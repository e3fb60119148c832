import { checkOptions } from '../validate.ts';
import { probability } from './arguments.ts';

export interface Invert {
  readonly kind: 'invert';
  readonly p: number;
}

/**
 * x → 1 − x. Any number of channels. Source: torchvision v2 RandomInvert.
 *
 * @param options.p default 1.
 */
export function invert(options: { readonly p?: number } = {}): Invert {
  const kind = 'invert';
  checkOptions(kind, options, ['p']);
  return { kind, p: probability(kind, options.p ?? 1) };
}
