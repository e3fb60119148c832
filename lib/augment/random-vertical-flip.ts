import { checkOptions } from '../validate.ts';
import { probability } from './arguments.ts';

export interface RandomVerticalFlip {
  readonly kind: 'randomVerticalFlip';
  readonly p: number;
}

/** Swaps top and bottom with probability `p` (default 0.5). Source: torchvision v2 RandomVerticalFlip. */
export function randomVerticalFlip(options: { readonly p?: number } = {}): RandomVerticalFlip {
  const kind = 'randomVerticalFlip';
  checkOptions(kind, options, ['p']);
  return { kind, p: probability(kind, options.p ?? 0.5) };
}
