import { afterAll, describe, expect, it } from 'vitest';
import { autocast } from '../../lib/tensor/modes.ts';
import * as ops from '../../lib/tensor/ops.ts';
import { setThreads } from '../../lib/tensor/runtime.ts';
import { type Tensor, tensor } from '../../lib/tensor/tensor.ts';

const code = (name: string) => expect.objectContaining({ code: name });

/** Philox-4x32-10 in plain integers: the four words of a block. Source: Salmon et al. 2011. */
function philox(counter: readonly number[], key: readonly number[]): number[] {
  const word = (x: bigint): number => Number(x & 0xffffffffn);
  let [c0, c1, c2, c3] = counter as [number, number, number, number];
  let [k0, k1] = key as [number, number];
  for (let round = 0; round < 10; round++) {
    const a = 0xd2511f53n * BigInt(c0);
    const b = 0xcd9e8d57n * BigInt(c2);
    [c0, c1, c2, c3] = [(word(b >> 32n) ^ c1 ^ k0) >>> 0, word(b), (word(a >> 32n) ^ c3 ^ k1) >>> 0, word(a)];
    k0 = (k0 + 0x9e3779b9) >>> 0;
    k1 = (k1 + 0xbb67ae85) >>> 0;
  }
  return [c0, c1, c2, c3];
}

/** Which of `count` elements stay. */
function kept(count: number, p: number, key: bigint): boolean[] {
  const words = [Number(key & 0xffffffffn), (Number((key >> 32n) & 0xffffffffn) ^ (3 << 16)) >>> 0]; // 3: for dropout
  return Array.from({ length: count }, (_, i) => {
    const drawn = philox([Math.floor(i / 4), 0, 0, 0], words)[i % 4] as number;
    return drawn >= Math.round(p * 2 ** 32);
  });
}

describe('which elements stay', () => {
  it.each([
    [0.5, 3n],
    [0.1, -987654321987654321n],
    [0.9, 1n << 40n],
  ])('is a function of p = %d and the key %d', async (p, key) => {
    const values = (await ops.dropout(ops.ones([13, 11]), { p, key: tensor(key) }).data()) as Float32Array;
    expect(Array.from(values, (v) => v !== 0)).toEqual(kept(143, p, key));
  });

  it('follows the elements, not the memory', async () => {
    const x = ops.rand([2, 3, 5, 4]);
    const last = x.permute([0, 2, 3, 1]).contiguous().permute([0, 3, 1, 2]); // the same elements, channels last
    const key = tensor(5n);
    expect(await ops.dropout(last, { key }).data()).toEqual(await ops.dropout(x, { key }).data());
  });

  afterAll(() => setThreads(1));
  it('is the same with one thread and with two', async () => {
    const x = ops.ones([300, 1001]);
    const run = (threads: number) => {
      setThreads(threads);
      return ops.dropout(x, { p: 0.3, key: tensor(11n) }).data();
    };
    expect(await run(2)).toEqual(await run(1));
  });

  it('is another with every call', async () => {
    const x = ops.ones([64]);
    expect(await ops.dropout(x).data()).not.toEqual(await ops.dropout(x).data());
  });
});

describe('statistics', () => {
  it.each([0.1, 0.5, 0.8])('the share that stays is 1 − p, in every column (p = %d)', async (p) => {
    const rows = 4000;
    const columns = 64;
    const values = ops.dropout(ops.ones([rows, columns]), { p, key: tensor(2024n) });
    const counts = Array.from(await values.ne(0).sum(0).data(), Number);
    const expected = rows * (1 - p);
    const chiSquare = counts.reduce((sum, n) => sum + (n - expected) ** 2 / (rows * p * (1 - p)), 0);
    expect(chiSquare).toBeGreaterThan(33.2); // quantiles 0.001 and 0.999 of chi-square with 64 degrees of freedom
    expect(chiSquare).toBeLessThan(104.8);
  });

  it('neighbours do not depend on each other', async () => {
    const values = await ops.dropout(ops.ones([100_000]), { key: tensor(9n) }).data();
    const counts = [0, 0, 0, 0];
    for (let i = 0; i < values.length; i += 2) counts[(values[i] ? 2 : 0) + (values[i + 1] ? 1 : 0)]!++;
    const chiSquare = counts.reduce((sum, n) => sum + (n - 12_500) ** 2 / 12_500, 0);
    expect(chiSquare).toBeLessThan(16.3); // quantile 0.999, 3 degrees of freedom
  });

  it('the mean stays', async () => {
    const x = ops.rand([1000, 100], { seed: 4 });
    const means = await Promise.all([
      x.mean().item(),
      ops
        .dropout(x, { p: 0.25, key: tensor(4n) })
        .mean()
        .item(),
    ]);
    expect(Math.abs(means[0] - means[1])).toBeLessThan(0.005); // √(p / (1 − p) · E x² / 10⁵) = 0.001
  });
});

describe('values and gradients', () => {
  const key = tensor(21n);

  it('are those of the mask over 1 − p', async () => {
    const x = ops.randn([6, 7], { seed: 3 });
    x.requiresGrad = true;
    const y = ops.dropout(x, { p: 0.2, key });
    const [gradient] = ops.grad([y], [x], { gradOutputs: [ops.full([6, 7], 3)] }) as [Tensor];
    const scale = kept(42, 0.2, 21n).map((stays) => (stays ? 1 / 0.8 : 0));
    const before = await x.data();
    const after = await y.data();
    const slopes = await gradient.data();
    for (const [i, factor] of scale.entries()) {
      expect(Number(after[i])).toBeCloseTo(Number(before[i]) * factor, 6);
      expect(Number(slopes[i])).toBeCloseTo(3 * factor, 6);
    }
  });

  it('have a second derivative', async () => {
    const x = tensor([1, 2, 3, 4], { dtype: 'float64', requiresGrad: true });
    const [slope] = ops.grad([ops.dropout(x.square(), { p: 0.5, key }).sum()], [x], { createGraph: true });
    const [curvature] = ops.grad([(slope as Tensor).sum()], [x]);
    expect(await (curvature as Tensor).toArray()).toEqual(kept(4, 0.5, 21n).map((stays) => (stays ? 4 : 0)));
  });

  it('at the ends: p = 0 changes nothing, p = 1 leaves zeros and a gradient of zeros', async () => {
    const x = tensor([1, -2, 3], { requiresGrad: true });
    expect(await ops.dropout(x, { p: 0 }).toArray()).toEqual([1, -2, 3]);
    const none = ops.dropout(x, { p: 1 });
    expect(await none.abs().toArray()).toEqual([0, 0, 0]);
    const [gradient] = ops.grad([none.sum()], [x]);
    expect(await (gradient as Tensor).toArray()).toEqual([0, 0, 0]);
  });

  it('keep dtype and shape, also of nothing, and under autocast', async () => {
    expect(ops.dropout(ops.ones([0, 3])).shape).toEqual([0, 3]);
    expect(await ops.dropout(ops.ones([0, 3])).data()).toEqual(new Float32Array(0));
    for (const dtype of ['bfloat16', 'float16', 'float64'] as const) {
      const y = autocast('bfloat16', () => ops.dropout(ops.ones([8], { dtype }), { key }));
      expect(y.dtype).toBe(dtype);
      expect((await y.ready()).dtype).toBe(dtype);
      expect(await y.toArray()).toEqual(kept(8, 0.5, 21n).map((stays) => (stays ? 2 : 0)));
    }
    expect(await ops.dropout(tensor(2), { key }).item()).toBe(kept(1, 0.5, 21n)[0] ? 4 : 0);
  });

  it('of a NaN that is dropped are 0', async () => {
    const x = ops.full([8], Number.NaN);
    const want = kept(8, 0.5, 21n).map((stays) => (stays ? Number.NaN : 0));
    expect(await ops.dropout(x, { key }).toArray()).toEqual(want);
  });
});

it.each<[string, () => unknown, string]>([
  ['p below 0', () => ops.dropout(ops.ones([2]), { p: -0.1 }), 'ERR_OPTION'],
  ['p that is NaN', () => ops.dropout(ops.ones([2]), { p: Number.NaN }), 'ERR_OPTION'],
  ['integers', () => ops.dropout(tensor([1], { dtype: 'int64' })), 'ERR_DTYPE'],
  ['a key of two numbers', () => ops.dropout(ops.ones([2]), { key: tensor([1n, 2n]) }), 'ERR_SHAPE'],
  ['a key of floats', () => ops.dropout(ops.ones([2]), { key: tensor(1) }), 'ERR_DTYPE'],
  ['an unknown option', () => ops.dropout(ops.ones([2]), { rate: 0.5 } as never), 'ERR_OPTION'],
])('refuses %s', (_, call, expected) => {
  expect(call).toThrow(code(expected));
});
