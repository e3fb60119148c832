import { OptionError } from '../errors.ts';
import { checkOptions, expectNumber, type NumberRange } from '../validate.ts';
import { expectList, probability } from './arguments.ts';

export interface Normalize {
  readonly kind: 'normalize';
  readonly mean: readonly number[];
  readonly std: readonly number[];
  readonly p: number;
}

/** Pixels are in [0, 1], normalised ones a few units around 0: what is larger is a statistic of pixels in 0…255. */
const largest = 16;

function statistic(name: string, value: unknown, range: NumberRange = {}): number {
  if (typeof value === 'number' && Math.abs(value) > largest && Number.isFinite(value))
    throw new OptionError(
      `${name} must be at most ${largest}, got ${value}: pixels are scaled to 0…1, so divide by 255`,
    );
  return expectNumber(name, value, range);
}

/**
 * (x − mean) / std, on pixels in [0, 1]. Source: torchvision v2 Normalize.
 *
 * @param mean one number for all channels, or one for each.
 * @param std above 0, as many as `mean`.
 * @throws {OptionError} lengths that differ, a std of 0, statistics of pixels in 0…255.
 */
export function normalize(
  mean: number | readonly number[],
  std: number | readonly number[],
  options: { readonly p?: number } = {},
): Normalize {
  const kind = 'normalize';
  checkOptions(kind, options, ['p']);
  const list = (name: string, value: unknown, check: (name: string, x: unknown) => number) =>
    expectList(`${kind}: ${name}`, typeof value === 'number' ? [value] : value, [1, 1024], check);
  const means = list('mean', mean, (name, x) => statistic(name, x));
  const stds = list('std', std, (name, x) => statistic(name, x, { above: 0 }));
  if (means.length !== stds.length)
    throw new OptionError(`${kind}: mean and std must have one length, got ${means.length} and ${stds.length}`);
  return { kind, mean: means, std: stds, p: probability(kind, options.p ?? 1) };
}
