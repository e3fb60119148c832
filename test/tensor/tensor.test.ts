import { describe, expect, it } from 'vitest';
import type { NestedArray } from '../../lib/tensor/nested.ts';
import * as ops from '../../lib/tensor/ops.ts';
import { sync } from '../../lib/tensor/runtime.ts';
import { type DType, Tensor, type TypedArray, tensor } from '../../lib/tensor/tensor.ts';

const code = (name: string) => expect.objectContaining({ code: name });
const elements = (array: TypedArray) => Array.from(array as ArrayLike<number | bigint>);
const hostile = (value: unknown) => value as never;

describe('tensor()', () => {
  it('takes nested arrays', async () => {
    const t = tensor([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    expect([t.shape, t.dtype, t.ndim, t.size, t.device, t.requiresGrad]).toEqual([
      [2, 3],
      'float32',
      2,
      6,
      'cpu',
      false,
    ]);
    expect(await t.data()).toEqual(Float32Array.of(1, 2, 3, 4, 5, 6));
    expect(await t.toArray()).toEqual([
      [1, 2, 3],
      [4, 5, 6],
    ]);
  });

  it.each<[NestedArray, number[], DType]>([
    [5, [], 'float32'],
    [true, [], 'bool'],
    [7n, [], 'int64'],
    [[], [0], 'float32'],
    [[[], []], [2, 0], 'float32'],
    [[true, false], [2], 'bool'],
    [[1n, 2n], [2], 'int64'],
    [[[[1]]], [1, 1, 1], 'float32'],
  ])('gives %o shape %o and dtype %s', async (data, shape, dtype) => {
    const t = tensor(data);
    expect([t.shape, t.dtype]).toEqual([shape, dtype]);
    expect((await t.data()).length).toBe(t.size);
  });

  it.each<[TypedArray, DType]>([
    [Float32Array.of(1.5, -2), 'float32'],
    [Float64Array.of(1e-300, Math.PI), 'float64'],
    [BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n), 'int64'],
    [Int32Array.of(-(2 ** 31), 2 ** 31 - 1), 'int32'],
    [Uint8Array.of(0, 255), 'uint8'],
    [Buffer.from([1, 2]), 'uint8'],
  ])('takes %o with its dtype and gives the same bits back', async (array, dtype) => {
    const t = tensor(array);
    expect([t.shape, t.dtype]).toEqual([[2], dtype]);
    expect(elements(await t.data())).toEqual(elements(array));
    expect(elements(t.dataSync())).toEqual(elements(array));
  });

  it('copies: the array may change afterwards', async () => {
    const array = Float32Array.of(1, 2);
    const t = tensor(array);
    array.fill(9);
    expect(await t.data()).toEqual(Float32Array.of(1, 2));
    const read = (await t.data()) as Float32Array;
    read.fill(0);
    expect(await t.data()).toEqual(Float32Array.of(1, 2));
  });

  it('takes a part of a buffer, and shared memory', async () => {
    const whole = Float32Array.of(0, 1, 2, 3);
    expect(await tensor(whole.subarray(1, 3)).data()).toEqual(Float32Array.of(1, 2));
    const shared = new Float32Array(new SharedArrayBuffer(8));
    shared.set([4, 5]);
    expect(await tensor(shared).data()).toEqual(Float32Array.of(4, 5));
  });

  it.each<[DType, number[]]>([
    ['float32', [1.5, -2, 0, 3]],
    ['float64', [1.5, -2, 0, 3]],
    ['bfloat16', [1.5, -2, 0, 3]],
    ['float16', [1.5, -2, 0, 3]],
    ['int64', [1, -2, 0, 3]],
    ['int32', [1, -2, 0, 3]],
    ['bool', [1, 1, 0, 1]],
  ])('makes %s from numbers', async (dtype, want) => {
    const t = tensor([1.5, -2, 0, 3], { dtype });
    expect(t.dtype).toBe(dtype);
    expect(Array.from(await t.data(), Number)).toEqual(want);
    await t.ready();
    expect(t.dtype).toBe(dtype);
  });

  it('rounds to the precision of the dtype', async () => {
    expect(await tensor([1 + 2 ** -9], { dtype: 'bfloat16' }).item()).toBe(1);
    expect(await tensor([1 + 2 ** -9], { dtype: 'float16' }).item()).toBe(1 + 2 ** -9);
    expect(await tensor([0.1], { dtype: 'float64' }).item()).toBe(0.1);
    expect(await tensor([0.1]).item()).toBe(Math.fround(0.1));
    expect(await tensor([2n ** 62n + 1n]).data()).toEqual(BigInt64Array.of(2n ** 62n + 1n));
  });

  it('stacks typed arrays, whose kind is the dtype', async () => {
    const vectors = tensor([Float32Array.of(0.5, 1.5), Float32Array.of(-1, 2)]);
    expect([vectors.shape, vectors.dtype, await vectors.toArray()]).toEqual([
      [2, 2],
      'float32',
      [
        [0.5, 1.5],
        [-1, 2],
      ],
    ]);
    const bits = tensor([BigInt64Array.of(2n ** 62n), BigInt64Array.of(-1n)]);
    expect([bits.dtype, await bits.data()]).toEqual(['int64', BigInt64Array.of(2n ** 62n, -1n)]);
    expect(tensor([[Uint8Array.of(1, 2, 3)]], { dtype: 'float64' })).toMatchObject({
      shape: [1, 1, 3],
      dtype: 'float64',
    });
  });

  it('takes a shape', () => {
    expect(tensor([1, 2, 3, 4], { shape: [2, 2] }).shape).toEqual([2, 2]);
    expect(tensor(new Float32Array(0), { shape: [0, 3] }).shape).toEqual([0, 3]);
    expect(tensor(Float32Array.of(3), { shape: [] }).shape).toEqual([]);
  });

  it.each<[NestedArray]>([[[[1, 2], [3]]], [[[1], 2]], [[1, [2]]], [[[], [1]]]])('refuses the ragged %o', (data) => {
    expect(() => tensor(data)).toThrow(code('ERR_SHAPE'));
  });

  it.each<[string, () => unknown, string]>([
    ['a shape that does not fit', () => tensor([1, 2, 3], { shape: [2, 2] }), 'ERR_SHAPE'],
    ['a negative size', () => tensor([1], { shape: [-1] }), 'ERR_OPTION'],
    ['a size that is NaN', () => tensor([1], { shape: [Number.NaN] }), 'ERR_OPTION'],
    ['an overflowing shape', () => tensor(new Float32Array(0), { shape: [2 ** 40, 2 ** 40] }), 'ERR_SHAPE'],
    ['an unknown dtype', () => tensor([1], { dtype: hostile('float8') }), 'ERR_DTYPE'],
    ['a misspelled option', () => tensor([1], hostile({ dtyp: 'int32' })), 'ERR_OPTION'],
    ['a string', () => tensor(hostile('abc')), 'ERR_DTYPE'],
    ['null', () => tensor(hostile(null)), 'ERR_DTYPE'],
    ['strings', () => tensor(hostile(['1'])), 'ERR_DTYPE'],
    ['another typed array', () => tensor(hostile(Uint16Array.of(1))), 'ERR_DTYPE'],
    ['a DataView', () => tensor(hostile(new DataView(new ArrayBuffer(8)))), 'ERR_DTYPE'],
    ['rows of another typed array', () => tensor(hostile([Uint16Array.of(1)])), 'ERR_DTYPE'],
    ['typed rows of different lengths', () => tensor([Float32Array.of(1), Float32Array.of(1, 2)]), 'ERR_SHAPE'],
    ['NaN for int64', () => tensor([Number.NaN], { dtype: 'int64' }), 'ERR_DTYPE'],
    ['a fraction among bigints', () => tensor([1n, 0.5], { dtype: 'int64' }), 'ERR_DTYPE'],
    ['2^64 for int64', () => tensor([2n ** 64n]), 'ERR_DTYPE'],
    ['2^31 for int32', () => tensor([2 ** 31], { dtype: 'int32' }), 'ERR_DTYPE'],
    ['-1 for uint8', () => tensor([-1], { dtype: 'uint8' }), 'ERR_DTYPE'],
    ['a gradient for integers', () => tensor([1], { dtype: 'int64', requiresGrad: true }), 'ERR_DTYPE'],
  ])('refuses %s', (_, make, expected) => {
    expect(make).toThrow(code(expected));
  });
});

describe('devices', () => {
  it('auto says what it chose', () => {
    expect(tensor([1], { device: 'auto' }).device).toMatch(/^(cpu|cuda:0|mps:0)$/);
    expect(tensor([1], { device: 'cpu:0' }).device).toBe('cpu');
  });

  it('says why a device is not there', () => {
    expect(() => tensor([1], { device: 'cuda:99' })).toThrow(
      expect.objectContaining({
        code: 'ERR_DEVICE',
        message: expect.stringMatching(/'cuda:99' is not available: .*CUDA/),
      }),
    );
    // libtorch knows the word, and has no such device: what is computed next must not meet it.
    expect(() => tensor([1], { device: 'privateuseone' })).toThrow(code('ERR_DEVICE'));
    expect(() => tensor([1]).to('cuda:99')).toThrow(code('ERR_DEVICE'));
    expect(() => ops.zeros([1], { device: 'cuda:99' })).toThrow(code('ERR_DEVICE'));
  });

  it.each(['gpu', 'meta', '', 'cuda:-1', 'cuda:x', 3])('refuses %j', (device) => {
    expect(() => tensor([1], { device: hostile(device) })).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/ERR_DEVICE|ERR_OPTION/) }),
    );
  });
});

describe('reading', () => {
  it('gives row-major elements of a transposed or expanded tensor', async () => {
    const t = tensor([
      [1, 2],
      [3, 4],
    ]);
    expect(await t.t().data()).toEqual(Float32Array.of(1, 3, 2, 4));
    expect(
      await tensor([[1], [2]])
        .expand([2, 2])
        .data(),
    ).toEqual(Float32Array.of(1, 1, 2, 2));
  });

  it('gives the type that belongs to the dtype', async () => {
    const types: Record<DType, unknown> = {
      float32: Float32Array,
      float64: Float64Array,
      bfloat16: Float32Array,
      float16: Float32Array,
      int64: BigInt64Array,
      int32: Int32Array,
      uint8: Uint8Array,
      bool: Uint8Array,
    };
    for (const [dtype, type] of Object.entries(types))
      expect((await tensor([1, 0]).to(dtype).data()).constructor).toBe(type);
  });

  it('item() needs one element', async () => {
    expect(await tensor([[3]]).item()).toBe(3);
    expect(tensor(4n).itemSync()).toBe(4);
    await expect(tensor([1, 2]).item()).rejects.toThrow(code('ERR_SHAPE'));
    expect(() => tensor([]).itemSync()).toThrow(code('ERR_SHAPE'));
  });

  it('sees in-place operations enqueued before it, and none after', async () => {
    const t = tensor([1, 1]);
    t.add_(1);
    const then = t.data();
    t.add_(1);
    expect(await then).toEqual(Float32Array.of(2, 2));
    expect(t.dataSync()).toEqual(Float32Array.of(3, 3));
  });
});

describe('to()', () => {
  it('changes the dtype, and does nothing for the same one', async () => {
    const t = tensor([1.9, -1.9]);
    expect(await t.to('int32').data()).toEqual(Int32Array.of(1, -1));
    expect(t.to({ dtype: 'float64', device: 'cpu' }).dtype).toBe('float64');
    t.to('float32').zero_(); // the same memory, as in PyTorch
    expect(await t.data()).toEqual(Float32Array.of(0, 0));
  });

  it('refuses what it does not know', () => {
    expect(() => tensor([1]).to('floaty')).toThrow(code('ERR_DEVICE'));
    expect(() => tensor([1]).to(hostile({ dtyp: 'int32' }))).toThrow(code('ERR_OPTION'));
  });
});

describe('numbers in the place of tensors', () => {
  it('promote as in PyTorch: of the lowest priority', () => {
    const int = tensor([1, 2], { dtype: 'int32' });
    expect(int.add(1).dtype).toBe('int32');
    expect(int.add(1.5).dtype).toBe('float32');
    expect(int.div(2).dtype).toBe('float32');
    expect(tensor([1], { dtype: 'uint8' }).mul(3).dtype).toBe('uint8');
    expect(tensor([1], { dtype: 'bfloat16' }).mul(0.1).dtype).toBe('bfloat16');
    expect(tensor([1], { dtype: 'float64' }).mul(0.1).dtype).toBe('float64');
    expect(tensor([true]).add(1).dtype).toBe('int64');
    expect(tensor([true]).logicalAnd(1).dtype).toBe('bool');
    expect(int.eq(1).dtype).toBe('bool');
    expect(int.pow(2).dtype).toBe('int32');
    expect(int.pow(0.5).dtype).toBe('float32');
    expect(int.add(tensor([1], { dtype: 'int64' })).dtype).toBe('int64');
  });

  it('keep their value', async () => {
    expect(await tensor([0.5]).add(Number.POSITIVE_INFINITY).item()).toBe(Number.POSITIVE_INFINITY);
    expect(await tensor([0], { dtype: 'float64' }).add(0.1).item()).toBe(0.1);
    expect(await tensor([2], { dtype: 'int64' }).pow(40).item()).toBe(2 ** 40);
    expect(
      await tensor([1], { dtype: 'int64' })
        .add(hostile(2n ** 62n))
        .data(),
    ).toEqual(BigInt64Array.of(2n ** 62n + 1n));
  });
});

describe('dispose()', () => {
  it('refuses every later use with ERR_STATE', async () => {
    const t = tensor([1]);
    const other = tensor([1]);
    t.dispose();
    t.dispose();
    expect(t.isDisposed).toBe(true);
    expect(String(t)).toBe('Tensor(disposed)');
    for (const use of [
      () => t.add(1),
      () => other.add(t),
      () => ops.cat([other, t]),
      () => t.data(),
      () => t.dataSync(),
      () => t.device,
      () => t.requiresGrad,
      () => t.to('int32'),
      () => t.backward(),
      () => t.zeroGrad(),
      () => t.ready(),
      () => other.backward(t),
    ])
      await expect((async () => use())()).rejects.toThrow(code('ERR_STATE'));
  });

  it('does not take memory from operations that are queued', async () => {
    const x = ops.ones([300, 300]);
    let y = x.clone();
    for (let i = 0; i < 10; i++) {
      const next = y.matmul(x).div(300);
      y.dispose();
      y = next;
    }
    expect(await y.sum().item()).toBeCloseTo(90_000, -2);
  });

  it('is what `using` does', () => {
    let outer: Tensor;
    {
      using t = tensor([1]);
      outer = t;
      expect(t.isDisposed).toBe(false);
    }
    expect(outer.isDisposed).toBe(true);
  });
});

describe('hostile arguments', () => {
  const x = () => tensor([1, 2]);
  const fake = () => Object.create(Tensor.prototype) as Tensor;
  const cyclic: unknown[] = [];
  cyclic.push(cyclic);

  it.each<[string, () => unknown]>([
    ['a number for a tensor', () => ops.abs(hostile('1'))],
    ['nothing for a tensor', () => ops.abs(hostile(undefined))],
    ['null for a tensor', () => ops.abs(hostile(null))],
    ['an object for a tensor', () => x().add(hostile({ handle: {} }))],
    ['an object without a native handle', () => x().add(fake())],
    ['a wrapped object of another kind', () => x().add(hostile(Object.assign(fake(), { handle: new Map() })))],
    ['an array of numbers for tensors', () => ops.cat(hostile([1, 2]))],
    ['a tensor for tensors', () => ops.cat(hostile(x()))],
    ['a string for an integer', () => x().sum(hostile('0'))],
    ['NaN for an integer', () => x().unsqueeze(Number.NaN)],
    ['a fraction for an integer', () => x().unsqueeze(0.5)],
    ['infinity for an integer', () => x().reshape([Number.POSITIVE_INFINITY])],
    ['2^60 for an integer', () => x().narrow(0, 2 ** 60, 1)],
    ['a bigint too large', () => x().unsqueeze(hostile(2n ** 70n))],
    ['a number for a flag', () => x().sum(0, hostile(1))],
    ['a string for a flag', () => x().sum(0, hostile('true'))],
    ['a number for a string', () => ops.einsum(hostile(3), [x()])],
    ['a string for a list', () => x().reshape(hostile('2'))],
    ['an object for a list', () => x().reshape(hostile({ length: 1, 0: 2 }))],
    ['an unknown option', () => x().add(x(), hostile({ alhpa: 2 }))],
    ['an unknown reduction', () => ops.mseLoss(x(), x(), hostile('avg'))],
    ['options that are no object', () => x().add(x(), hostile(3))],
    ['an unknown autocast dtype', () => ops.gelu(x(), { approximate: hostile(1) })],
    ['a symbol', () => x().add(hostile(Symbol('x')))],
    ['a function', () => x().add(hostile(() => 1))],
    ['number lists for a number', () => ops.upsampleBilinear2d(x(), { alignCorners: true, scaleFactors: hostile(2) })],
  ])('%s: ERR_OPTION', (_, call) => {
    expect(call).toThrow(code('ERR_OPTION'));
  });

  it('arrays that contain themselves end in an error', () => {
    expect(() => ops.cat(hostile(cyclic))).toThrow();
    expect(() => tensor(hostile(cyclic))).toThrow();
  });

  it.each<[string, () => unknown, string]>([
    ['shapes that do not broadcast', () => x().add(tensor([1, 2, 3])), 'ERR_SHAPE'],
    ['a matrix product that does not fit', () => ops.zeros([2, 3]).matmul(ops.zeros([2, 3])), 'ERR_SHAPE'],
    ['a dimension that is not there', () => x().sum(5), 'ERR_SHAPE'],
    ['a reshape that does not fit', () => x().reshape([3]), 'ERR_SHAPE'],
    ['an overflowing size', () => ops.zeros([2 ** 40, 2 ** 40]), 'ERR_SHAPE'],
    ['a negative size', () => ops.zeros([-1]), 'ERR_SHAPE'],
    ['an index of fractions', () => x().indexSelect(0, x()), 'ERR_DTYPE'],
    ['a kernel larger than the image', () => ops.conv2d(ops.zeros([1, 1, 2, 2]), ops.zeros([1, 1, 3, 3])), 'ERR_SHAPE'],
    ['channels that do not fit', () => ops.conv2d(ops.zeros([1, 2, 4, 4]), ops.zeros([1, 1, 3, 3])), 'ERR_SHAPE'],
    ['where() of shapes that do not fit', () => ops.where(tensor([true]), x(), tensor([1, 2, 3])), 'ERR_SHAPE'],
    ['dot() of two lengths', () => x().dot(tensor([1])), 'ERR_SHAPE'],
    ['cdist() of two widths', () => ops.cdist(ops.zeros([2, 3]), ops.zeros([2, 4])), 'ERR_SHAPE'],
    ['roll() with too many shifts', () => x().roll([1, 2], 0), 'ERR_SHAPE'],
    ['flip() of a dimension twice', () => x().flip([0, 0]), 'ERR_SHAPE'],
  ])('%s: thrown here, at the caller', (_, call, expected) => {
    expect(call).toThrow(code(expected));
  });

  it.each<[string, () => Tensor, string]>([
    ['a mask of numbers', () => x().maskedFill(x(), 0), 'ERR_DTYPE'],
    ['a product of two dtypes', () => ops.mm(ops.zeros([1, 1]), ops.zeros([1, 1], { dtype: 'float64' })), 'ERR_DTYPE'],
    ['an index out of range', () => x().indexSelect(0, tensor([7n])), 'ERR_OPTION'],
    ['a label out of range', () => ops.crossEntropyLoss(ops.zeros([1, 2]), tensor([5n])), 'ERR_OPTION'],
  ])('%s fails when it is read', async (_, call, expected) => {
    await expect((async () => (await call()).data())()).rejects.toThrow(code(expected));
  });

  it('a size that no memory holds fails when it is read', async () => {
    const huge = ops.zeros([1e13]);
    expect(huge.shape).toEqual([1e13]);
    await expect(huge.sum().item()).rejects.toThrow(code('ERR_NATIVE'));
    huge.dispose();
    await sync();
  });
});
