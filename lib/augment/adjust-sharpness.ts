import { checkOptions, expectNumber } from '../validate.ts';
import { probability } from './arguments.ts';

export interface AdjustSharpness {
  readonly kind: 'adjustSharpness';
  readonly factor: number;
  readonly p: number;
}

/**
 * Blends the image with its 3 × 3 smoothed self: s + factor · (x − s), clamped to [0, 1]. 0 smooths, 1 changes nothing, 2
 * sharpens. Border pixels stay, and so does an image less than 3 pixels wide or high. Any number of channels. Source:
 * torchvision v2 RandomAdjustSharpness.
 *
 * @param factor at least 0.
 * @param options.p default 1.
 * @throws {OptionError} a negative or non-finite factor.
 */
export function adjustSharpness(factor: number, options: { readonly p?: number } = {}): AdjustSharpness {
  const kind = 'adjustSharpness';
  checkOptions(kind, options, ['p']);
  return {
    kind,
    factor: expectNumber(`${kind}: factor`, factor, { min: 0 }),
    p: probability(kind, options.p ?? 1),
  };
}
