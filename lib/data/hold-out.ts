/** Part of a labelled data set, put aside to judge on. */
import { DataError } from '../errors.ts';
import { seedOption, signalOption } from '../options/kinds.ts';
import type { OptionsOf, OptionTable } from '../options/option.ts';
import { resolveOptions } from '../options/resolve.ts';
import { type Dataset, subset } from './dataset.ts';
import { shuffledClasses } from './labels.ts';

export const holdOutOptions = {
  /** Share of the samples of each class that is put aside, in (0, 1), rounded; default 0.2. */
  fraction: {
    ...{ type: 'number', default: 0.2, above: 0, max: 1 - Number.EPSILON, value: 'SHARE' },
    help: 'put this share of each class of the training images aside, by the seed, to judge on',
  },
  /** Of the choice, default 0. */
  seed: seedOption,
  signal: signalOption,
} as const satisfies OptionTable;

export interface HoldOutOptions extends OptionsOf<typeof holdOutOptions> {}

/** Together all samples of a data set, none in both. */
export interface HeldOut {
  readonly train: Dataset;
  readonly test: Dataset;
}

/**
 * Parts a labelled data set that has no test images of its own: of each class a share goes to `test`, at least one sample, and one
 * at least stays in `train`. A class of one sample stays there whole. Both keep the data set's order.
 *
 * @throws {OptionError} a value out of range.
 * @throws {DataError} a sample without a label, or no class with two samples.
 * @throws {AbortError} the signal fired.
 * @example
 * const { train, test } = await holdOut(await loadDataset('folder', { root: 'photos' }));
 */
export async function holdOut(dataset: Dataset, options: HoldOutOptions = {}): Promise<HeldOut> {
  const { fraction, seed, signal } = resolveOptions('holdOut', holdOutOptions, options);
  const classes = await shuffledClasses(dataset, { seed, signal });
  const aside = new Set(
    [...classes.values()].flatMap((members) => {
      const wanted = Math.max(1, Math.round(fraction * members.length));
      return members.slice(0, Math.min(wanted, members.length - 1));
    }),
  );
  if (aside.size === 0)
    throw new DataError(
      `${dataset.name}: none of its ${classes.size} classes has two samples, of which one can be put aside`,
    );
  const all = Array.from({ length: dataset.length }, (_, index) => index);
  const { origin } = dataset;
  const train = subset(
    dataset,
    all.filter((index) => !aside.has(index)),
  );
  return {
    train: { ...train, ...(origin && { origin: { ...origin, heldOut: { fraction, seed } } }) },
    test: subset(
      dataset,
      all.filter((index) => aside.has(index)),
    ),
  };
}
