import { describe, expect, it } from 'vitest';
import { onlineKnn } from '../../lib/monitors/online-knn.ts';
import { contextOf, observed, rowsOf } from './batches.ts';

/** The same, by loops. */
function plainKnn(values: number[][], labels: number[], ids: number[], k: number, temperature: number): number {
  const norm = (x: number[]) => Math.sqrt(x.reduce((sum, value) => sum + value * value, 0));
  const cosine = (x: number[], y: number[]) =>
    x.reduce((sum, value, d) => sum + value * (y[d] as number), 0) / (norm(x) * norm(y));
  let right = 0;
  for (const [row, own] of values.entries()) {
    const near = values
      .map((other, i) => ({ i, similarity: cosine(own, other) }))
      .filter(({ i }) => ids[i] !== ids[row])
      .sort((a, b) => b.similarity - a.similarity)
      .slice(0, k);
    const votes = new Map<number, number>();
    for (const { i, similarity } of near)
      votes.set(labels[i] as number, (votes.get(labels[i] as number) ?? 0) + Math.exp(similarity / temperature));
    const [best] = [...votes].sort(([a, x], [b, y]) => y - x || a - b)[0] ?? [];
    if (best === labels[row]) right++;
  }
  return right / values.length;
}

describe('onlineKnn', () => {
  it('is that of a plain loop, of which no other view of an image votes for it', async () => {
    const batches = [0, 1, 2].map((seed) => rowsOf(20, 5, seed));
    const ids = batches.map((_, b) => Array.from({ length: 20 }, (_, i) => (b === 2 ? i : 20 * b + i))); // the third has images of the first
    const context = contextOf(60, ...batches.map(({ values, labels }, b) => observed(values, labels, ids[b])));
    const all = {
      values: batches.flatMap(({ values }) => values),
      labels: batches.flatMap(({ labels }) => labels),
    };
    for (const [k, temperature] of [
      [1, 0.1],
      [5, 0.1],
      [20, 0.5],
      [100, 1],
    ] as const) {
      const { queueKnnTop1 } = await onlineKnn({ k, temperature, rows: 60 }).figures(context);
      expect(queueKnnTop1).toBe(plainKnn(all.values, all.labels, ids.flat(), k, temperature));
    }
    const { queueKnnTop1 } = await onlineKnn({ k: 3, rows: 20 }).figures(context);
    const newest = batches[2] as (typeof batches)[number];
    expect(queueKnnTop1).toBe(plainKnn(newest.values, newest.labels, ids[2] as number[], 3, 0.1));
  });

  it('says nothing without labels, or before the first step', async () => {
    const { values } = rowsOf(6, 3);
    expect(await onlineKnn().figures(contextOf(10, observed(values)))).toEqual({});
    expect(await onlineKnn().figures(contextOf(10))).toEqual({});
  });

  it('of one image, or of none that is another, is 0', async () => {
    expect(await onlineKnn().figures(contextOf(10, observed([[1, 2]], [0])))).toEqual({ queueKnnTop1: 0 });
    const { values, labels } = rowsOf(4, 3);
    expect(await onlineKnn().figures(contextOf(10, observed(values, labels, [7, 7, 7, 7])))).toEqual({
      queueKnnTop1: 0,
    });
  });

  it('refuses what is no option of it', () => {
    expect(() => onlineKnn({ k: 0 })).toThrow(/k must be an integer >= 1, got 0/);
    expect(() => onlineKnn({ row: 4 } as never)).toThrow(/did you mean 'rows'/);
  });
});
