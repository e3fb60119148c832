import { describe, expect, it } from 'vitest';
import * as ops from '../../lib/tensor/ops.ts';
import { sync } from '../../lib/tensor/runtime.ts';
import { type Tensor, tensor } from '../../lib/tensor/tensor.ts';

const code = (name: string) => expect.objectContaining({ code: name });
const int = (data: readonly unknown[]) => tensor(data as number[], { dtype: 'int64' });

/** (2, 3, 4): 100 i + 10 j + k. */
const cube = () => {
  const values = Float64Array.from(
    { length: 24 },
    (_, i) => 100 * Math.floor(i / 12) + 10 * (Math.floor(i / 4) % 3) + (i % 4),
  );
  return tensor(values, { shape: [2, 3, 4] });
};

describe('index', () => {
  it('picks along one dimension, by any number of times', async () => {
    expect(
      await cube()
        .index([undefined, undefined, int([3, 0, 3])])
        .select(1, 0)
        .toArray(),
    ).toEqual([
      [3, 0, 3],
      [103, 100, 103],
    ]);
  });

  it('broadcasts several indices, and counts negative ones from the end', async () => {
    const picked = cube().index([int([[0], [1]]), int([-1, 0])]);
    expect(picked.shape).toEqual([2, 2, 4]);
    expect(await picked.select(2, 1).toArray()).toEqual([
      [21, 1],
      [121, 101],
    ]);
  });

  it('puts the dimension of indices that stand apart first', async () => {
    const picked = cube().index([int([0, 1]), undefined, int([2, 3])]);
    expect(picked.shape).toEqual([2, 3]);
    expect(await picked.toArray()).toEqual([
      [2, 12, 22],
      [103, 113, 123],
    ]);
  });

  it('takes where a mask is true; the shape is known after ready()', async () => {
    const x = cube();
    const picked = x.index([x.gt(121)]);
    await picked.ready();
    expect(picked.shape).toEqual([2]);
    expect(await picked.toArray()).toEqual([122, 123]);
    expect(
      await x
        .index([undefined, tensor([false, true, false])])
        .sum()
        .item(),
    ).toBe(492);
  });

  it('adds up the gradients of an element that is picked twice', async () => {
    const x = tensor([[1, 2, 3]], { requiresGrad: true });
    const [gradient] = ops.grad([x.index([int([0, 0, 0]), int([1, 1, 2])]).sum()], [x]) as [Tensor];
    expect(await gradient.toArray()).toEqual([[0, 2, 1]]);
  });

  it('refuses an index that is out of range, when it runs', async () => {
    await expect(
      cube()
        .index([int([2])])
        .data(),
    ).rejects.toThrow(code('ERR_SHAPE'));
    await sync();
  });

  it.each<[string, () => unknown, string]>([
    ['more indices than dimensions', () => tensor([1]).index([int([0]), int([0])]), 'ERR_SHAPE'],
    ['indices that do not go together', () => cube().index([int([0, 1]), int([0, 1, 2])]), 'ERR_SHAPE'],
    ['floats', () => cube().index([tensor([0.5])]), 'ERR_DTYPE'],
    ['a number in a tensor’s place', () => cube().index([0 as never]), 'ERR_OPTION'],
    ['no array', () => cube().index(int([0]) as never), 'ERR_OPTION'],
  ])('refuses %s at once', (_, call, expected) => {
    expect(call).toThrow(code(expected));
  });
});

describe('indexPut', () => {
  it('writes into a copy', async () => {
    const x = ops.zeros([2, 2]);
    const y = x.indexPut([int([0, 1]), int([1, 0])], tensor([5, 6]));
    expect(await y.toArray()).toEqual([
      [0, 5],
      [6, 0],
    ]);
    expect(await x.sum().item()).toBe(0);
  });

  it('adds where it is asked to, and hands the gradient to both', async () => {
    const x = tensor([1, 1], { requiresGrad: true });
    const values = tensor([2, 3, 4], { requiresGrad: true });
    const y = x.indexPut([int([0, 0, 1])], values, true);
    expect(await y.toArray()).toEqual([6, 5]);
    const gradients = ops.grad([y.mul(tensor([10, 20])).sum()], [x, values]);
    expect(await Promise.all(gradients.map((each) => each.toArray()))).toEqual([
      [10, 20],
      [10, 10, 20],
    ]);
  });
});
