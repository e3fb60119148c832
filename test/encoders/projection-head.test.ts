import { describe, expect, it } from 'vitest';
import { type ProjectionHeadOptions, projectionHead } from '../../lib/encoders/projection-head.ts';
import { ones, randn, zeros } from '../../lib/tensor/ops.ts';
import type { Tensor } from '../../lib/tensor/tensor.ts';

const caught = (run: () => unknown): unknown => {
  try {
    run();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
};

const matrix = (value: Tensor | undefined): number[][] => {
  const [rows, columns = 1] = (value as Tensor).shape as [number, number?];
  const data = Array.from((value as Tensor).dataSync(), Number);
  return Array.from({ length: rows }, (_, i) => data.slice(i * columns, (i + 1) * columns));
};

/** x Wᵀ + b, by loops. */
const linear = (x: number[][], weight: number[][], bias?: number[]): number[][] =>
  x.map((row) => weight.map((w, o) => w.reduce((sum, v, i) => sum + v * (row[i] as number), bias?.[o] ?? 0)));

const relu = (x: number[][]): number[][] => x.map((row) => row.map((v) => Math.max(0, v)));

/** Normalises columns with the batch's biased variance. */
const batchNorm = (x: number[][]): number[][] => {
  const column = (j: number): number[] => x.map((row) => row[j] as number);
  const stats = (x[0] as number[]).map((_, j) => {
    const mean = column(j).reduce((a, b) => a + b) / x.length;
    return { mean, variance: column(j).reduce((a, b) => a + (b - mean) ** 2, 0) / x.length };
  });
  return x.map((row) =>
    row.map((v, j) => {
      const { mean, variance } = stats[j] as (typeof stats)[number];
      return (v - mean) / Math.sqrt(variance + 1e-5);
    }),
  );
};

const unit = (x: number[][]): number[][] => x.map((row) => row.map((v) => v / Math.hypot(...row)));

function expectClose(actual: Tensor, expected: number[][]): void {
  const values = matrix(actual);
  expect(values.length).toBe(expected.length);
  for (const [i, row] of expected.entries())
    for (const [j, value] of row.entries()) expect((values[i] as number[])[j]).toBeCloseTo(value, 5);
}

describe('projectionHead', () => {
  const x = randn([6, 4], { seed: 1 });

  it("'mlp' is Linear - ReLU - Linear under nn.Sequential's names", () => {
    using head = projectionHead({ inFeatures: 4, outFeatures: 3 });
    const p = head.namedParameters();
    expect([...p.keys()]).toEqual(['0.weight', '0.bias', '2.weight', '2.bias']);
    const hidden = relu(linear(matrix(x), matrix(p.get('0.weight')), matrix(p.get('0.bias')).flat()));
    expectClose(head.forward(x), linear(hidden, matrix(p.get('2.weight')), matrix(p.get('2.bias')).flat()));
    expect(head.featureDim).toBe(3);
  });

  it("'linear' is one layer; normalize gives unit rows", () => {
    using head = projectionHead({ layers: 1, inFeatures: 4, outFeatures: 3, normalize: true });
    const p = head.namedParameters();
    expect([...p.keys()]).toEqual(['0.weight', '0.bias']);
    expectClose(head.forward(x), unit(linear(matrix(x), matrix(p.get('0.weight')), matrix(p.get('0.bias')).flat())));
  });

  it("'mlp-bn' has three layers, each normalised, without bias", () => {
    using head = projectionHead({ layers: 3, batchNorm: 'all', inFeatures: 4, hiddenFeatures: 5, outFeatures: 3 });
    const p = head.namedParameters();
    expect([...head.stateDict().keys()].filter((name) => !/running|tracked/.test(name))).toEqual([
      ...['0.weight', '1.weight', '1.bias', '3.weight', '4.weight', '4.bias', '6.weight', '7.weight', '7.bias'],
    ]);
    const first = relu(batchNorm(linear(matrix(x), matrix(p.get('0.weight')))));
    const second = relu(batchNorm(linear(first, matrix(p.get('3.weight')))));
    expectClose(head.forward(x), batchNorm(linear(second, matrix(p.get('6.weight')))));
  });

  it("starts as PyTorch's Linear: uniform within ±1/√in", () => {
    using head = projectionHead({ layers: 1, inFeatures: 400, outFeatures: 500 });
    const values = Array.from((head.namedParameters().get('0.weight') as Tensor).dataSync(), Number);
    const bound = 1 / Math.sqrt(400);
    expect(values.every((value) => Math.abs(value) <= bound)).toBe(true);
    const variance = values.reduce((a, b) => a + b * b, 0) / values.length;
    expect(variance / (bound ** 2 / 3)).toBeCloseTo(1, 1);
    const bias = Array.from((head.namedParameters().get('0.bias') as Tensor).dataSync(), Number);
    expect(Math.max(...bias.map(Math.abs))).toBeLessThanOrEqual(bound);
    expect(new Set(bias).size).toBeGreaterThan(400);
  });

  it('is deterministic in its seed', () => {
    const weights = (seed: number) =>
      projectionHead({ inFeatures: 3, seed }).namedParameters().get('2.weight')?.dataSync();
    expect(weights(1)).toEqual(weights(1));
    expect(weights(1)).not.toEqual(weights(2));
  });

  it.each([
    [{}, /inFeatures must be an integer >= 1.*got undefined/],
    [{ inFeatures: 0 }, /inFeatures must be an integer >= 1/],
    [{ inFeatures: 2, outFeatures: -1 }, /outFeatures/],
    [{ inFeatures: 2, hiddenFeatures: 0.5 }, /hiddenFeatures/],
    [{ inFeatures: 2, layers: 0 }, /layers must be an integer >= 1 and <= 8/],
    [{ inFeatures: 2, batchNorm: 'hiden' }, /batchNorm must be one of 'none', 'hidden', .*did you mean 'hidden'\?/],
    [{ inFeatures: 2, normalise: true }, /did you mean 'normalize'\?/],
    [{ inFeatures: 2, normalize: 'yes' }, /normalize must be true or false/],
  ])('refuses %o', (options, message) => {
    expect(caught(() => projectionHead(options as ProjectionHeadOptions))).toMatchObject({
      code: 'ERR_OPTION',
      message,
    });
  });

  it('refuses other shapes', () => {
    using head = projectionHead({ inFeatures: 4 });
    expect(caught(() => head.forward(zeros([2, 3])))).toMatchObject({
      code: 'ERR_SHAPE',
      message: /features must have shape \(batch, 4\), got \[2, 3\]/,
    });
    expect(caught(() => head.forward(ones([4])))).toMatchObject({ code: 'ERR_SHAPE' });
    expect(caught(() => head.forward(ones([0, 4])))).toMatchObject({ code: 'ERR_SHAPE' });
  });
});
