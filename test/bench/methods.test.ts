/** What the table of methods claims: its statistics, and that no method is left out. */
import { describe, expect, it } from 'vitest';
import { chosenFor, gridOf, optimizerOf } from '../../bench/methods/settings.ts';
import {
  deviation,
  findings,
  isClearlyAbove,
  isClearlyPositive,
  methodTable,
  type Row,
} from '../../bench/methods/table.ts';
import { methodNames, methodOf } from '../../lib/methods/all.ts';
import { checkOptimizer } from '../../lib/optim/optimizer.ts';

const row = (title: string, isSupervised: boolean, knn: number[], linear = knn): Row => ({
  title,
  isSupervised,
  ...(title !== 'untrained' && { batchSize: 64 }),
  figures: knn.map((value, i) => ({
    knn: value,
    linear: linear[i] as number,
    ...(title !== 'untrained' && { speed: { precision: 'float32', imagesPerSecond: 100 + i, peakMemory: 300 } }),
  })),
});

const untrained = row('untrained', false, [0.7, 0.71, 0.72]);
const good = row('good', false, [0.8, 0.81, 0.82]);
const mixed = row('mixed', false, [0.8, 0.81, 0.82], [0.71, 0.72, 0.73]);
const labelled = row('labelled', true, [0.9, 0.9, 0.9]);

describe('the table of methods', () => {
  it('takes the deviation of a sample', () => expect(deviation([1, 2, 3])).toBeCloseTo(1, 12));

  it('asks for two deviations of the difference', () => {
    expect(isClearlyAbove([3.82, 4.82, 5.82], [1, 2, 3])).toBe(false); // 2 √2 = 2.828…
    expect(isClearlyAbove([3.84, 4.84, 5.84], [1, 2, 3])).toBe(true);
  });

  it('asks a gain for two of its deviations', () => {
    expect(isClearlyPositive([0.99, 1.99, 2.99])).toBe(false); // 2 · 1
    expect(isClearlyPositive([1.01, 2.01, 3.01])).toBe(true);
  });

  it('has a row a method, the untrained encoder first', () => {
    expect(methodTable(untrained, [good, mixed]).split('\n')).toEqual([
      '| method | batch | kNN, % | gain | linear probe, % | gain | above untrained | images/s | peak memory, MB |',
      '| --- | --- | --- | --- | --- | --- | --- | --- | --- |',
      '| untrained |  | 71.0 ± 1.0 |  | 71.0 ± 1.0 |  |  |  |  |',
      '| good | 64 | 81.0 ± 1.0 | 10.0 ± 0.0 | 81.0 ± 1.0 | 10.0 ± 0.0 | kNN, linear probe | 101 | 300 |',
      '| mixed | 64 | 81.0 ± 1.0 | 10.0 ± 0.0 | 72.0 ± 1.0 | 1.0 ± 0.0 | kNN | 101 | 300 |',
    ]);
  });

  it('says what it shows', () => {
    expect(findings(untrained, [good, mixed, labelled])).toEqual([
      'By both measures more than two deviations above the untrained encoder: good, labelled. Not: mixed.',
      'By both measures a gain, seed by seed, of more than two of its deviations: good, mixed, labelled. Not: none.',
      'By kNN, methods with labels reach at least 90.0 %, those without at most 81.0 %.',
      'By linear probe, methods with labels reach at least 90.0 %, those without at most 81.0 %.',
    ]);
    expect(findings(untrained, [good])).toHaveLength(2);
  });

  it('takes the untrained encoder from more seeds, and the gain from the same ones', () => {
    const widely = row('untrained', false, [0.7, 0.71, 0.72, 0.5, 0.9]);
    expect(methodTable(widely, [good]).split('\n').slice(2)).toEqual([
      '| untrained |  | 70.6 ± 14.2 |  | 70.6 ± 14.2 |  |  |  |  |',
      '| good | 64 | 81.0 ± 1.0 | 10.0 ± 0.0 | 81.0 ± 1.0 | 10.0 ± 0.0 | no | 101 | 300 |',
    ]);
  });
});

describe('the settings of methods', () => {
  it.each(methodNames().filter((name) => name !== 'custom'))('%s', (name) => {
    for (const choice of [chosenFor(name), ...gridOf(name)]) {
      expect(methodOf({ ...choice.options, name }).spec).toMatchObject(choice.options);
      expect(checkOptimizer(optimizerOf(choice))).toMatchObject({ lr: choice.lr });
    }
  });
});
