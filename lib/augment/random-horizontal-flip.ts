import { checkOptions } from '../validate.ts';
import { probability } from './arguments.ts';

export interface RandomHorizontalFlip {
  readonly kind: 'randomHorizontalFlip';
  readonly p: number;
}

/** Swaps left and right with probability `p` (default 0.5). Source: torchvision v2 RandomHorizontalFlip. */
export function randomHorizontalFlip(options: { readonly p?: number } = {}): RandomHorizontalFlip {
  const kind = 'randomHorizontalFlip';
  checkOptions(kind, options, ['p']);
  return { kind, p: probability(kind, options.p ?? 0.5) };
}
