/** From the figures of all trainings to a table in Markdown, and what it shows. */
import { markdown, median } from '../peer.ts';
import type { Accuracies, Figures } from './training.ts';

/** What the seeds of one method came to. */
export interface Row {
  readonly title: string;
  /** Samples of a batch, where something was trained. */
  readonly batchSize?: number;
  /** Whether its loss looks at labels. */
  readonly isSupervised: boolean;
  /** One a seed, from 0. The untrained encoder may have more of them than the trained ones. */
  readonly figures: readonly Figures[];
}

export const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** The standard deviation of a sample: over n − 1. */
export function deviation(values: readonly number[]): number {
  const middle = mean(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (values.length - 1));
}

/** Whether the mean of `a` is above that of `b` by more than two deviations of their difference, √(s_a² + s_b²). */
export const isClearlyAbove = (a: readonly number[], b: readonly number[]): boolean =>
  mean(a) - mean(b) > 2 * Math.hypot(deviation(a), deviation(b));

/** Whether the mean of differences is above 0 by more than two of their deviations. */
export const isClearlyPositive = (differences: readonly number[]): boolean =>
  mean(differences) > 2 * deviation(differences);

const measures = [
  ['kNN', 'knn'],
  ['linear probe', 'linear'],
] as const satisfies readonly (readonly [title: string, key: keyof Accuracies])[];

const column = ({ figures }: Row, key: keyof Accuracies): number[] => figures.map((each) => each[key]);

export const percent = (values: readonly number[]): string =>
  values.length === 1
    ? (100 * mean(values)).toFixed(1)
    : `${(100 * mean(values)).toFixed(1)} ± ${(100 * deviation(values)).toFixed(1)}`;

/** What training brought: each seed's share above that of the weights which it began with. */
const gainsOf = (row: Row, untrained: Row, key: keyof Accuracies): number[] =>
  column(row, key).map((share, seed) => share - (column(untrained, key)[seed] as number));

/** The measures by which `row` is clearly above `untrained`: as a whole, or seed by seed. */
const aboveBy = (row: Row, untrained: Row, how: 'whole' | 'by seed'): string[] =>
  measures
    .filter(([, key]) =>
      how === 'whole'
        ? isClearlyAbove(column(row, key), column(untrained, key))
        : isClearlyPositive(gainsOf(row, untrained, key)),
    )
    .map(([title]) => title);

function cells(row: Row, untrained: Row): string[] {
  const speeds = row.figures.flatMap(({ speed }) => speed ?? []);
  const middle = (values: readonly number[]): string => (values.length === 0 ? '' : median(values).toFixed(0));
  return [
    row.title,
    String(row.batchSize ?? ''),
    ...measures.flatMap(([, key]) => [
      percent(column(row, key)),
      row === untrained ? '' : percent(gainsOf(row, untrained, key)),
    ]),
    row === untrained ? '' : aboveBy(row, untrained, 'whole').join(', ') || 'no',
    middle(speeds.map(({ imagesPerSecond }) => imagesPerSecond)),
    middle(speeds.map(({ peakMemory }) => peakMemory)),
  ];
}

/**
 * Accuracies are means and deviations over the seeds, in percent; a gain that of the differences from the same seed's untrained
 * encoder; speed and memory medians.
 */
export function methodTable(untrained: Row, rows: readonly Row[]): string {
  const accuracies = measures.flatMap(([title]) => [`${title}, %`, 'gain']);
  const titles = ['method', 'batch', ...accuracies, 'above untrained', 'images/s', 'peak memory, MB'];
  return markdown([titles, ...[untrained, ...rows].map((row) => cells(row, untrained))]);
}

/** What the table shows, in sentences. */
export function findings(untrained: Row, rows: readonly Row[]): string[] {
  const names = (list: readonly Row[]): string => list.map(({ title }) => title).join(', ') || 'none';
  const aboveByAll = (how: 'whole' | 'by seed'): string => {
    const [clear, others] = [true, false].map((is) =>
      rows.filter((row) => (aboveBy(row, untrained, how).length === measures.length) === is),
    ) as [Row[], Row[]];
    return `${names(clear)}. Not: ${names(others)}.`;
  };
  return [
    `By both measures more than two deviations above the untrained encoder: ${aboveByAll('whole')}`,
    `By both measures a gain, seed by seed, of more than two of its deviations: ${aboveByAll('by seed')}`,
    ...measures.flatMap(([title, key]) => {
      const meansOf = (isSupervised: boolean): number[] =>
        rows.filter((row) => row.isSupervised === isSupervised).map((row) => mean(column(row, key)));
      const [supervised, others] = [meansOf(true), meansOf(false)];
      if (supervised.length === 0 || others.length === 0) return [];
      const [least, most] = [Math.min(...supervised), Math.max(...others)].map((value) => percent([value]));
      return `By ${title}, methods with labels reach at least ${least} %, those without at most ${most} %.`;
    }),
  ];
}
