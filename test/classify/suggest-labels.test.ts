import { describe, expect, test } from 'vitest';
import { suggestLabels } from '../../lib/classify/suggest-labels.ts';
import { tensor } from '../../lib/tensor/tensor.ts';

const [rows, dim] = [23, 5];
const valuesOf = (count: number, factor: number): Float32Array =>
  Float32Array.from({ length: count * dim }, (_, i) => Math.sin(i * factor + (i % 7)));
const known = valuesOf(rows, 0.7);
const labels = Int32Array.from({ length: rows }, (_, i) => [0, 2, 5][(i * i) % 3] as number);
const wanted = valuesOf(9, 1.3);
const classes = ['a', 'b', 'c', 'd', 'e', 'f'];

const row = (values: Float32Array, i: number): number[] => Array.from(values.subarray(i * dim, (i + 1) * dim));
function cosine(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, x, i) => sum + x * (b[i] as number), 0) / (Math.hypot(...a) * Math.hypot(...b));
}

/** By plain loops: the shares of the votes by label, and the nearest row. */
function oracle(i: number, k: number, temperature: number) {
  const near = Array.from({ length: rows }, (_, j) => ({ j, cosine: cosine(row(wanted, i), row(known, j)) }))
    .sort((a, b) => b.cosine - a.cosine)
    .slice(0, k);
  const votes = new Map<number, number>();
  for (const { j, cosine: s } of near) {
    const label = labels[j] as number;
    votes.set(label, (votes.get(label) ?? 0) + Math.exp(s / temperature));
  }
  const total = [...votes.values()].reduce((a, b) => a + b);
  const sorted = [...votes].map(([label, vote]) => ({ label, share: vote / total })).sort((a, b) => b.share - a.share);
  return { sorted, nearest: near[0] as { j: number; cosine: number } };
}

describe('suggestLabels', () => {
  test.each([
    [3, 0.1],
    [20, 0.5],
  ])('are the votes of %i neighbours at temperature %f', async (k, temperature) => {
    using bank = tensor(known, { shape: [rows, dim] });
    using features = tensor(wanted, { shape: [9, dim] });
    const progress: number[] = [];
    const suggested = await suggestLabels({ features: bank, labels }, features, {
      classes,
      k,
      temperature,
      onProgress: (done) => progress.push(done),
    });
    expect(suggested).toHaveLength(9);
    expect(progress.at(-1)).toBe(9);
    for (const [i, { label, confidence, margin, runnerUp, nearest, ...rest }] of suggested.entries()) {
      const { sorted, nearest: expected } = oracle(i, k, temperature);
      expect([label, rest.class]).toEqual([sorted[0]?.label, classes[label]]);
      expect(confidence).toBeCloseTo(sorted[0]?.share as number, 5);
      const next = sorted[1]?.share ?? 0;
      expect(runnerUp?.confidence).toBeCloseTo(next, 5);
      if (next > 0) expect(runnerUp).toMatchObject({ label: sorted[1]?.label, class: classes[runnerUp?.label ?? 0] });
      expect(margin).toBeCloseTo((sorted[0]?.share as number) - next, 5);
      expect(nearest.index).toBe(expected.j);
      expect(nearest.similarity).toBeCloseTo(expected.cosine, 5);
    }
  });

  test('one class has no runner-up; k is at most the labelled rows', async () => {
    using bank = tensor([
      [1, 0],
      [0, 1],
    ]);
    const [only] = await suggestLabels({ features: bank, labels: [1, 1] }, bank);
    expect(only).toMatchObject({ class: '1', label: 1, confidence: 1, margin: 1, nearest: { index: 0 } });
    expect(only).not.toHaveProperty('runnerUp');
  });

  test('refuses what does not fit', async () => {
    using bank = tensor([
      [1, 0],
      [0, 1],
    ]);
    using other = tensor([[1, 0, 0]]);
    using nan = tensor([[Number.NaN, 0]]);
    const set = { features: bank, labels: [0, 1] };
    await expect(suggestLabels(set, other)).rejects.toMatchObject({ code: 'ERR_SHAPE' });
    await expect(suggestLabels(set, nan)).rejects.toMatchObject({ code: 'ERR_DATA' });
    await expect(suggestLabels({ features: bank, labels: [0] }, bank)).rejects.toMatchObject({ code: 'ERR_SHAPE' });
    await expect(suggestLabels(set, bank, { classes: ['a'] })).rejects.toMatchObject({
      code: 'ERR_OPTION',
      message: 'classes must name the labels 0 to 1, got 1 names',
    });
    await expect(suggestLabels(set, bank, { neighbours: 3 } as never)).rejects.toMatchObject({ code: 'ERR_OPTION' });
    await expect(suggestLabels(set, bank, { distributed: true } as never)).rejects.toMatchObject({
      code: 'ERR_OPTION',
    });
    await expect(suggestLabels(set, bank, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'ERR_ABORTED',
    });
  });
});
