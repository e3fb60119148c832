import { checkOptions } from '../validate.ts';
import { pixels, probability, type Size, sizePair } from './arguments.ts';

export interface Resize {
  readonly kind: 'resize';
  readonly size: Size;
  readonly p: number;
}

/**
 * Resizes, bilinear and antialiased. Source: torchvision v2 Resize.
 *
 * @param size pixels: [height, width], or a number for the shorter edge (the ratio stays).
 * @throws {OptionError} a size below 1.
 */
export function resize(size: Size, options: { readonly p?: number } = {}): Resize {
  const kind = 'resize';
  checkOptions(kind, options, ['p']);
  return {
    kind,
    size: Array.isArray(size) ? sizePair(kind, size) : pixels(`${kind}: size`, size),
    p: probability(kind, options.p ?? 1),
  };
}
