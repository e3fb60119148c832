import { describe, expect, it, test } from 'vitest';
import { isSingleClass, labelOrSetTensor, labelTensor } from '../../lib/losses/labels.ts';
import { supConLoss } from '../../lib/losses/sup-con.ts';
import * as ops from '../../lib/tensor/ops.ts';
import { tensor } from '../../lib/tensor/tensor.ts';

describe('labelTensor', () => {
  it.each([Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array])(
    'takes a %o',
    async (kind) => {
      const labels = labelTensor(kind.of(3, 0, 120), 'cpu');
      expect([labels.dtype, await labels.toArray()]).toEqual(['int64', [3, 0, 120]]);
    },
  );

  it('takes bigints and what a Uint32Array can hold', async () => {
    expect(await labelTensor(BigUint64Array.of(9n), 'cpu').toArray()).toEqual([9]);
    expect(await labelTensor(Uint32Array.of(2 ** 32 - 1), 'cpu').toArray()).toEqual([2 ** 32 - 1]);
  });

  it('refuses fractions, by the kind of array too', () => {
    expect(() => labelTensor(Float32Array.of(1) as never, 'cpu')).toThrow(
      expect.objectContaining({
        code: 'ERR_DTYPE',
        message: expect.stringMatching(/typed array of integers, got .*Float32Array/),
      }),
    );
    expect(() => labelTensor([0.5], 'cpu')).toThrow(expect.objectContaining({ code: 'ERR_OPTION' }));
  });
});

describe('labelOrSetTensor', () => {
  const column = expect.objectContaining({ code: 'ERR_SHAPE', message: expect.stringMatching(/got \[4,1\]/) });

  it('refuses a column, which may be meant as classes', () => {
    expect(() => labelOrSetTensor([[0], [1], [0], [2]], 'cpu')).toThrow(column);
    expect(() => labelOrSetTensor(tensor([[0], [1], [0], [1]], { dtype: 'int64' }), 'cpu')).toThrow(column);
    const features = ops.randn([4, 2, 3], { seed: 1 });
    expect(() => supConLoss(features, { labels: [[0], [1], [0], [1]] })).toThrow(column);
  });

  it('takes sets of two classes and more', () => {
    expect(
      labelOrSetTensor(
        [
          [0, 1],
          [1, 1],
        ],
        'cpu',
      ),
    ).toMatchObject({ shape: [2, 2], dtype: 'uint8' });
  });
});

test('isSingleClass', () => {
  expect(isSingleClass([])).toBe(false);
  expect(isSingleClass([4])).toBe(true);
  expect(isSingleClass([4, 4, 4])).toBe(true);
  expect(isSingleClass([4, 4, 5])).toBe(false);
  expect(isSingleClass(Int32Array.of(1, 1))).toBe(true);
  expect(isSingleClass(BigInt64Array.of(1n, 2n))).toBe(false);
});
