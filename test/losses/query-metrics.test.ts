/** What a step of MoCo reports of its queries and keys, against nested loops. */
import { describe, expect, test } from 'vitest';
import { queryMetrics } from '../../lib/tensor/internal-ops.ts';
import { zeros } from '../../lib/tensor/ops.ts';
import { tensor } from '../../lib/tensor/tensor.ts';
import { formulaFeatures } from './oracle.ts';

const batch = 5;
const size = 9;
const dim = 4;
const features = formulaFeatures(batch, 2, dim);
const bank = formulaFeatures(size, 1, dim).map(([row]) => (row as number[]).map((x, d) => 3 * x + 0.1 * d));
const ids = [4, 7, 1, 9, 2];
const bankIds = [30, 7, 31, 4, 4, 32, 33, 34, 35];
const labels = [0, 1, 0, 2, 1];
const bankLabels = [0, 1, 2, 0, 0, 1, -1, 2, 0];

const unit = (x: readonly number[]): number[] => x.map((value) => value / (Math.hypot(...x) || 1));
const dot = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((sum, x, d) => sum + x * (b[d] as number), 0);
const mean = (values: readonly number[]): number => values.reduce((sum, x) => sum + x, 0) / values.length;

/** The seven numbers, in order. */
function expected(count: number, withLabels: boolean): number[] {
  const positives: number[] = [];
  const negatives: number[] = [];
  let hits = 0;
  const queries = features.map(([q]) => unit(q as number[]));
  for (const [i, q] of queries.entries()) {
    const own = [dot(q, unit(features[i]?.[1] as number[]))];
    const others: number[] = [];
    for (let j = 0; j < count; j++) {
      const isPositive = bankIds[j] === ids[i] || (withLabels && bankLabels[j] === labels[i]);
      (isPositive ? own : others).push(dot(q, unit(bank[j] as number[])));
    }
    if (Math.max(...own) > Math.max(...others)) hits++;
    positives.push(...own);
    negatives.push(...others);
  }
  const deviations = Array.from({ length: dim }, (_, d) => {
    const column = queries.map((q) => q[d] as number);
    return Math.sqrt(mean(column.map((x) => (x - mean(column)) ** 2)));
  });
  return [
    hits / batch,
    mean(positives),
    mean(negatives),
    mean(positives.map((s) => 2 - 2 * s)),
    Math.log(mean([...positives, ...negatives].map((s) => Math.exp(-2 * (2 - 2 * s))))),
    Math.sqrt(dim) * mean(deviations),
    batch,
  ];
}

const integers = (values: readonly number[]) => tensor(values, { dtype: 'int64' });

describe('queryMetrics', () => {
  test.each([
    [size, false],
    [size, true],
    [3, true],
  ])('a bank of %d keys, labels %s', (count, withLabels) => {
    const values = queryMetrics(tensor(features), integers(ids), {
      labels: withLabels ? integers(labels) : undefined,
      bank: tensor(bank.slice(0, count)),
      bankIds: integers(bankIds.slice(0, count)),
      bankLabels: integers(bankLabels.slice(0, count)),
    }).dataSync();
    for (const [i, value] of expected(count, withLabels).entries()) expect(values[i]).toBeCloseTo(value, 5);
  });

  test('an empty queue', () => {
    const values = Array.from(queryMetrics(tensor(features), integers(ids)).dataSync(), Number);
    const [top1, positive, , alignment] = expected(0, false);
    expect(values[0]).toBe(top1);
    expect(top1).toBe(1);
    expect(values[1]).toBeCloseTo(positive as number, 5);
    expect(values[2]).toBeNaN(); // a mean over nothing
    expect(values[3]).toBeCloseTo(alignment as number, 5);
  });

  test('in several parts as in one', () => {
    const many = 2 ** 18; // four queries at once
    const keys = zeros([many, dim]);
    const named = integers(new Array(many).fill(-1));
    const values = queryMetrics(tensor(features), integers(ids), { bank: keys, bankIds: named }).dataSync();
    expect(values[2]).toBe(0);
    const nearest = features.map(([q, k]) => Number(dot(unit(q as number[]), unit(k as number[])) > 0));
    expect(values[0]).toBeCloseTo(mean(nearest), 6);
  });

  test('errors', () => {
    const one = tensor([[[1, 2]]]);
    expect(() => queryMetrics(one, integers([1]))).toThrow(expect.objectContaining({ code: 'ERR_SHAPE' }));
    for (const [bankOnly, named] of [
      [tensor(bank), undefined],
      [tensor(bank), integers(bankIds)],
    ] as const)
      expect(() =>
        queryMetrics(tensor(features), integers(ids), { labels: integers(labels), bank: bankOnly, bankIds: named }),
      ).toThrow(expect.objectContaining({ code: 'ERR_OPTION' }));
  });
});
