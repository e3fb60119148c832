import type { OptionsOf, OptionTable } from '../options/option.ts';
import { applied, type TransformOf, transformOf } from './arguments.ts';

const declared = {
  bits: { type: 'number', required: true, min: 0, max: 8, integer: true },
  ...applied(1),
} as const satisfies OptionTable;

export interface PosterizeOptions extends Omit<OptionsOf<typeof declared>, 'bits'> {}
export interface Posterize extends TransformOf<'posterize', typeof declared> {}

/**
 * Keeps `bits` bits of each value: x → ⌊x · 2^bits⌋ / 2^bits, at most 1 − 2^−bits. Any number of channels. Source:
 * torchvision v2 RandomPosterize on float images; on bytes its results are less than 1/255 higher.
 *
 * @param bits an integer from 0 (all black) to 8.
 * @param options.p default 1.
 * @throws {OptionError} bits that are not an integer in [0, 8].
 */
export function posterize(bits: number, options: PosterizeOptions = {}): Posterize {
  return transformOf('posterize', declared, options, { bits });
}
