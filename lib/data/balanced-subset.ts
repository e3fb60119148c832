/** Part of a labelled data set, with every class in it. */
import { DataError, OptionError } from '../errors.ts';
import { countOption, seedOption, signalOption } from '../options/kinds.ts';
import type { OptionsOf, OptionTable } from '../options/option.ts';
import { resolveOptions } from '../options/resolve.ts';
import { type Dataset, subset } from './dataset.ts';
import { shuffledClasses } from './labels.ts';

export const balancedSubsetOptions = {
  /** Share of the samples of each class, in (0, 1], rounded; at least one sample of each. */
  fraction: {
    ...{ type: 'number', above: 0, max: 1, value: 'SHARE' },
    help: "use this share of each class's training images",
  },
  /** Samples of each class; in place of `fraction`. */
  perClass: countOption,
  /** Of the choice, default 0. With the same seed, a smaller part lies inside a larger one. */
  seed: seedOption,
  signal: signalOption,
} as const satisfies OptionTable;

export interface BalancedSubsetOptions extends OptionsOf<typeof balancedSubsetOptions> {}

/**
 * A part of `dataset` in which classes are as frequent as in the whole (`fraction`) or equally frequent (`perClass`), for
 * learning from few labels. The samples stay in the data set's order.
 *
 * Source: Chen et al. 2020, arXiv:2002.05709, section 6: 1 % and 10 % of the labels, sampled in a class-balanced way.
 *
 * @throws {OptionError} neither or both of fraction and perClass, or a value out of range.
 * @throws {DataError} a sample without a label, or a class with fewer than `perClass` samples.
 * @throws {AbortError} the signal fired.
 * @example
 * const few = await balancedSubset(train, { fraction: 0.01 });
 */
export async function balancedSubset(dataset: Dataset, options: BalancedSubsetOptions): Promise<Dataset> {
  const { fraction, perClass, seed, signal } = resolveOptions('balancedSubset', balancedSubsetOptions, options);
  if ((fraction === undefined) === (perClass === undefined))
    throw new OptionError('balancedSubset needs fraction or perClass, and not both');
  const members = await shuffledClasses(dataset, { seed, signal });
  const chosen = [...members].flatMap(([label, own]) => {
    const count = perClass ?? Math.max(1, Math.round((fraction as number) * own.length));
    if (count > own.length) {
      const name = dataset.classes?.[label] ?? String(label);
      throw new DataError(
        `${dataset.name}: perClass must be at most the ${own.length} samples of class '${name}', got ${count}`,
      );
    }
    return own.slice(0, count);
  });
  return subset(
    dataset,
    chosen.sort((a, b) => a - b),
  );
}
