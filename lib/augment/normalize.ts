import { OptionError } from '../errors.ts';
import type { OptionsOf, OptionTable } from '../options/option.ts';
import { expectNumber, type NumberRange } from '../validate.ts';
import { applied, expectList, type TransformOf, transformOf } from './arguments.ts';

/** Pixels are in [0, 1], normalised ones a few units around 0: what is larger is a statistic of pixels in 0…255. */
const largest = 16;

function statistic(name: string, value: unknown, range: NumberRange = {}): number {
  if (typeof value === 'number' && Math.abs(value) > largest && Number.isFinite(value))
    throw new OptionError(
      `${name} must be at most ${largest}, got ${value}: pixels are scaled to 0…1, so divide by 255`,
    );
  return expectNumber(name, value, range);
}

const statistics =
  (range: NumberRange) =>
  (name: string, value: number | readonly number[]): readonly number[] =>
    expectList(name, typeof value === 'number' ? [value] : value, [1, 1024], (inner, x) => statistic(inner, x, range));

const declared = {
  mean: { type: 'checked', required: true, check: statistics({}) },
  std: { type: 'checked', required: true, check: statistics({ above: 0 }) },
  ...applied(1),
} as const satisfies OptionTable;

export interface NormalizeOptions extends Omit<OptionsOf<typeof declared>, 'mean' | 'std'> {}
export interface Normalize extends TransformOf<'normalize', typeof declared> {}

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
  options: NormalizeOptions = {},
): Normalize {
  const made = transformOf('normalize', declared, options, { mean, std });
  const [means, stds] = [made.mean.length, made.std.length];
  if (means !== stds) throw new OptionError(`normalize: mean and std must have one length, got ${means} and ${stds}`);
  return made;
}
