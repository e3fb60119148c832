import { checkOptions } from '../validate.ts';
import { probability, type Size, sizePair } from './arguments.ts';

export interface CenterCrop {
  readonly kind: 'centerCrop';
  readonly size: readonly [number, number];
  readonly p: number;
}

/**
 * The window of `size` at the centre. Source: torchvision v2 CenterCrop; an image smaller than the window is a
 * ShapeError here, not padded.
 *
 * @param size pixels: a number for a square, or [height, width].
 * @throws {OptionError} a size below 1.
 */
export function centerCrop(size: Size, options: { readonly p?: number } = {}): CenterCrop {
  const kind = 'centerCrop';
  checkOptions(kind, options, ['p']);
  return { kind, size: sizePair(kind, size), p: probability(kind, options.p ?? 1) };
}
