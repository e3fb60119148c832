/** Part of a labelled data set, with every class in it. */
import { DataError, OptionError } from '../errors.ts';
import { checkOptions, expectNumber } from '../validate.ts';
import { type Dataset, subset } from './dataset.ts';
import { shuffledClasses } from './labels.ts';

export interface BalancedSubsetOptions {
  /** Share of the samples of each class, in (0, 1], rounded; at least one sample of each. */
  readonly fraction?: number;
  /** Samples of each class; in place of `fraction`. */
  readonly perClass?: number;
  /** Of the choice, default 0. With the same seed, a smaller part lies inside a larger one. */
  readonly seed?: number;
  readonly signal?: AbortSignal | undefined;
}

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
  checkOptions('balancedSubset', options, ['fraction', 'perClass', 'seed', 'signal']);
  const { fraction, perClass, signal } = options ?? {};
  if ((fraction === undefined) === (perClass === undefined))
    throw new OptionError('balancedSubset needs fraction or perClass, and not both');
  if (fraction !== undefined) expectNumber('fraction', fraction, { above: 0, max: 1 });
  if (perClass !== undefined) expectNumber('perClass', perClass, { min: 1, integer: true });
  const seed = expectNumber('seed', options.seed ?? 0, { min: 0, integer: true });
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
