import { describe, expect, it } from 'vitest';
import { rankMe } from '../../lib/evaluate/rank-me.ts';
import { eye, matmul, zeros } from '../../lib/tensor/ops.ts';
import { type Tensor, tensor } from '../../lib/tensor/tensor.ts';

const matrix = (rows: number, dim: number): Tensor =>
  tensor(
    Array.from({ length: rows }, (_, i) =>
      Array.from({ length: dim }, (_, j) => Math.sin(1 + i * i * 1.7 + 3.1 * i * j + 0.3 * j) / (1 + j)),
    ),
    { dtype: 'float64' },
  );

describe('rankMe', () => {
  // numpy: s = svd(z, compute_uv=False); p = s / s.sum() + 1e-7; exp(-(p * log(p)).sum())
  it.each([
    [12, 5, 2.7883238792076304],
    [5, 12, 3.4384200501936966],
    [40, 16, 9.533831059855343],
    [1, 4, 0.9999998999999999],
  ])("is numpy's of (%i, %i)", async (rows, dim, expected) => {
    expect(await rankMe(matrix(rows, dim))).toBeCloseTo(expected, 6);
    expect(await rankMe(matrix(rows, dim).to('float32'))).toBeCloseTo(expected, 4);
  });

  it('is the number of dimensions that are used', async () => {
    expect(await rankMe(eye(6))).toBeCloseTo(6, 4);
    const low = await rankMe(matmul(matrix(30, 3), matrix(3, 8)));
    expect(low).toBeCloseTo(1.565999640401651, 5);
    expect(await rankMe(tensor(Array.from({ length: 9 }, () => [1, 2, 3])))).toBeCloseTo(1, 4);
  });

  it('does not change with the scale', async () => {
    const z = matrix(20, 6);
    expect(await rankMe(z.mul(1e3))).toBeCloseTo(await rankMe(z), 8);
  });

  it('refuses what has no rank', async () => {
    const failing = (value: unknown, code: string, message: RegExp) =>
      expect(rankMe(value as Tensor)).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    await failing([[1]], 'ERR_DTYPE', /features must be a Tensor, got an array of 1/);
    await failing(tensor([1, 2]), 'ERR_SHAPE', /shape \(rows, dim\) .*got \[2\]/);
    await failing(zeros([0, 3]), 'ERR_SHAPE', /at least one value, got \[0,3\]/);
    await failing(zeros([4, 3]), 'ERR_DATA', /finite and not all zero/);
    await failing(tensor([[1, Number.NaN]]), 'ERR_DATA', /finite/);
    await failing(
      tensor([
        [1, Number.POSITIVE_INFINITY],
        [1, 2],
      ]),
      'ERR_DATA',
      /finite/,
    );
  });
});
