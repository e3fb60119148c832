import { describe, expect, test } from 'vitest';
import { type ContrastiveMetrics, contrastiveMetrics } from '../../lib/losses/metrics.ts';
import * as internal from '../../lib/tensor/internal-ops.ts';
import * as ops from '../../lib/tensor/ops.ts';
import { tensor } from '../../lib/tensor/tensor.ts';
import { formulaFeatures } from './oracle.ts';

const dot = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((sum, x, d) => sum + x * (b[d] as number), 0);
const mean = (values: readonly number[]): number => values.reduce((sum, x) => sum + x, 0) / values.length;

/** The definitions, pair by pair, in float64. */
function oracle(features: readonly (readonly (readonly number[])[])[], labels?: readonly number[]): ContrastiveMetrics {
  const rows = features.flatMap((views, sample) =>
    views.map((x) => {
      const norm = Math.sqrt(dot(x, x)) || 1;
      return { class: labels?.[sample] ?? sample, z: x.map((value) => value / norm) };
    }),
  );
  const dim = rows[0]?.z.length as number;
  const hits: number[] = [];
  const positives: number[] = [];
  const negatives: number[] = [];
  const distances: number[] = [];
  const potentials: number[] = [];
  for (const i of rows) {
    let nearestPositive = Number.NEGATIVE_INFINITY;
    let nearestNegative = Number.NEGATIVE_INFINITY;
    for (const j of rows) {
      if (i === j) continue;
      const similarity = dot(i.z, j.z);
      const distance = i.z.reduce((sum, x, d) => sum + (x - (j.z[d] as number)) ** 2, 0);
      potentials.push(Math.exp(-2 * distance));
      if (i.class === j.class) {
        positives.push(similarity);
        distances.push(distance);
        nearestPositive = Math.max(nearestPositive, -distance);
      } else {
        negatives.push(similarity);
        nearestNegative = Math.max(nearestNegative, -distance);
      }
    }
    if (nearestPositive > Number.NEGATIVE_INFINITY) hits.push(nearestPositive > nearestNegative ? 1 : 0);
  }
  const deviations = Array.from({ length: dim }, (_, d) => {
    const values = rows.map(({ z }) => z[d] as number);
    const center = mean(values);
    return Math.sqrt(mean(values.map((x) => (x - center) ** 2)));
  });
  return {
    top1: mean(hits),
    positiveSimilarity: mean(positives),
    negativeSimilarity: mean(negatives),
    alignment: mean(distances),
    uniformity: Math.log(mean(potentials)),
    spread: Math.sqrt(dim) * mean(deviations),
    validAnchors: hits.length,
  };
}

function expectClose(got: ContrastiveMetrics, expected: ContrastiveMetrics): void {
  expect(Object.keys(got)).toEqual(Object.keys(expected));
  for (const [name, value] of Object.entries(expected))
    if (Number.isNaN(value)) expect(got[name as keyof ContrastiveMetrics], name).toBeNaN();
    else expect(got[name as keyof ContrastiveMetrics], name).toBeCloseTo(value, 5);
}

const random = async (batch: number, views: number, dim: number): Promise<number[][][]> =>
  (await ops.randn([batch, views, dim], { seed: 7 }).toArray()) as number[][][];

describe('contrastiveMetrics is the nested loop of its definitions', () => {
  test.each([
    ['two views', 4, 2, undefined],
    ['labels', 4, 2, [0, 1, 0, 2]],
    ['three views', 5, 3, undefined],
    ['one view with labels, some alone', 6, 1, [3, 3, 1, 0, 7, 7]],
    ['one class', 4, 2, [1, 1, 1, 1]],
    ['classes far apart, the least of them 0 or not', 4, 2, [2 ** 40, 5, 2 ** 40, 9]],
  ])('%s', async (_, batch, views, labels) => {
    const features = formulaFeatures(batch, views, 3);
    expectClose(await contrastiveMetrics(tensor(features), labels ? { labels } : {}), oracle(features, labels));
  });

  test('whatever the block', async () => {
    const features = await random(23, 2, 16);
    const labels = features.map((_, i) => i % 5);
    for (const block of [1, 7, 16, 46, 100])
      expectClose(await contrastiveMetrics(tensor(features), { labels, block }), oracle(features, labels));
  });

  test('bfloat16 and float64 features, computed in float32', async () => {
    const features = await random(9, 2, 8);
    const expected = oracle(features);
    expectClose(await contrastiveMetrics(tensor(features, { dtype: 'float64' })), expected);
    const low = tensor(features).to('bfloat16');
    expectClose(await contrastiveMetrics(low), oracle((await low.toArray()) as number[][][]));
  });
});

describe('edge cases', () => {
  test('equal rows have no spread, and ties are misses', async () => {
    const got = await contrastiveMetrics(tensor([[[0, 2], [0, 1]], [[0, 3], [0, 1]]])); // biome-ignore format: one case
    expect(got).toMatchObject({ top1: 0, positiveSimilarity: 1, negativeSimilarity: 1, alignment: 0, spread: 0 });
    expect(got.uniformity).toBeCloseTo(0, 6);
  });

  test('one row, and rows without a positive', async () => {
    const alone = await contrastiveMetrics(tensor([[[1, 2, 3]]]));
    expect(alone).toMatchObject({ top1: Number.NaN, uniformity: Number.NaN, spread: 0, validAnchors: 0 });
    const apart = await contrastiveMetrics(tensor([[[1, 0]], [[0, 1]]]), { labels: [0, 1] });
    expect(apart).toMatchObject({ top1: Number.NaN, positiveSimilarity: Number.NaN, negativeSimilarity: 0 });
  });

  test('a row of zeros is at distance 1 from all others', async () => {
    const got = await contrastiveMetrics(tensor([[[0, 0], [0, 5]]])); // biome-ignore format: one case
    expect(got).toMatchObject({ positiveSimilarity: 0, alignment: 1, top1: 1 });
    expect(got.uniformity).toBeCloseTo(-2, 6);
  });

  test('a mean over no pairs is NaN, whatever sums round to', async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const rows = Array.from({ length: 4 }, (_, i) => [
        Array.from({ length: 5 }, (_, j) => Math.sin(seed * (i + 2) + j)),
      ]);
      const { positiveSimilarity, alignment } = await contrastiveMetrics(tensor(rows));
      expect([positiveSimilarity, alignment]).toEqual([Number.NaN, Number.NaN]);
      const { negativeSimilarity } = await contrastiveMetrics(tensor(rows), { labels: [1, 1, 1, 1] });
      expect(negativeSimilarity).toBeNaN();
    }
  });

  test('NaN features give NaN', async () => {
    const got = await contrastiveMetrics(tensor([[[Number.NaN, 1], [0, 5]], [[1, 1], [0, 5]]])); // biome-ignore format: one case
    expect(got).toMatchObject({ positiveSimilarity: Number.NaN, uniformity: Number.NaN, spread: Number.NaN });
  });

  test('takes no part in a gradient', () => {
    const features = tensor(formulaFeatures(2, 2, 3), { requiresGrad: true });
    expect(internal.contrastiveMetrics(features).requiresGrad).toBe(false);
  });

  test('what does not fit is refused', async () => {
    const features = tensor(formulaFeatures(4, 2, 3));
    const code = (expected: string) => expect.objectContaining({ code: expected });
    await expect(contrastiveMetrics(tensor([[1, 2]]))).rejects.toEqual(code('ERR_SHAPE'));
    await expect(contrastiveMetrics(ops.zeros([0, 2, 3]))).rejects.toEqual(code('ERR_SHAPE'));
    await expect(contrastiveMetrics(features.to('int32'))).rejects.toEqual(code('ERR_DTYPE'));
    await expect(contrastiveMetrics(features, { labels: [1, 2] })).rejects.toEqual(code('ERR_SHAPE'));
    await expect(contrastiveMetrics(features, { labels: [0, -1, 0, 1] })).rejects.toEqual(code('ERR_OPTION'));
    await expect(contrastiveMetrics(features, { labels: tensor([1, 2, 3, 4]) })).rejects.toEqual(code('ERR_DTYPE'));
    await expect(contrastiveMetrics(features, { block: 0 })).rejects.toEqual(code('ERR_OPTION'));
    await expect(contrastiveMetrics(features, { lables: [] } as never)).rejects.toThrow(/did you mean 'labels'/);
    await expect(contrastiveMetrics([1] as never)).rejects.toEqual(code('ERR_DTYPE'));
  });
});
