import { checkOptions, expectNumber } from '../validate.ts';
import { probability } from './arguments.ts';

export interface Posterize {
  readonly kind: 'posterize';
  readonly bits: number;
  readonly p: number;
}

/**
 * Keeps `bits` bits of each value: x → ⌊x · 2^bits⌋ / 2^bits, at most 1 − 2^−bits. Any number of channels. Source:
 * torchvision v2 RandomPosterize on float images; on bytes its results are less than 1/255 higher.
 *
 * @param bits an integer from 0 (all black) to 8.
 * @param options.p default 1.
 * @throws {OptionError} bits that are not an integer in [0, 8].
 */
export function posterize(bits: number, options: { readonly p?: number } = {}): Posterize {
  const kind = 'posterize';
  checkOptions(kind, options, ['p']);
  return {
    kind,
    bits: expectNumber(`${kind}: bits`, bits, { min: 0, max: 8, integer: true }),
    p: probability(kind, options.p ?? 1),
  };
}
