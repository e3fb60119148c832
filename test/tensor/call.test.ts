import { describe, expect, it } from 'vitest';
import { call, callAny, callMany, reductionCode } from '../../lib/tensor/call.ts';
import * as ops from '../../lib/tensor/ops.ts';
import { sync } from '../../lib/tensor/runtime.ts';
import { type Tensor, tensor } from '../../lib/tensor/tensor.ts';

const code = (name: string) => expect.objectContaining({ code: name });
const caught = async (promise: Promise<unknown>): Promise<Error & { code?: string }> =>
  promise.then(
    () => new Error('it did not fail'),
    (error) => error,
  );

/** Fails in the queue: the index is not there, which only the data tell. */
function failing(): Tensor {
  return tensor([1, 2]).indexSelect(0, tensor([5n]));
}

describe('a handle whose job failed', () => {
  it('rejects with the typed error, and the stack of the call that enqueued it as cause', async () => {
    const error = await caught(failing().data());
    expect(error).toMatchObject({ code: 'ERR_OPTION', name: 'OptionError' });
    const { cause } = error as { cause?: Error };
    expect(cause?.name).toBe('EnqueuedAt');
    expect(cause?.stack).toMatch(/at failing \(.*call\.test\.ts:\d+:\d+\)/);
    expect(cause?.stack).not.toMatch(/lib\/tensor\/call\.ts/);
  });

  it('gives its own error to everything made from it', async () => {
    const broken = failing();
    const error = await caught(
      broken
        .add(1)
        .mul(tensor([2]))
        .sum()
        .item(),
    );
    expect(error.code).toBe('ERR_OPTION');
    expect((error.cause as Error).stack).toMatch(/at failing/);
    expect((await caught(ops.cat([tensor([1]), broken]).data())).message).toBe(error.message);
    expect(() => broken.dataSync()).toThrow(code('ERR_OPTION'));
    await expect(broken.ready()).rejects.toThrow(code('ERR_OPTION'));
  });

  it('can be read again, and disposed; others are not touched', async () => {
    const broken = failing();
    await expect(broken.data()).rejects.toThrow(code('ERR_OPTION'));
    await expect(broken.data()).rejects.toThrow(code('ERR_OPTION'));
    broken.dispose();
    await sync();
    expect(await tensor([1]).add(1).item()).toBe(2);
  });

  it('fails the gradient that goes through it', async () => {
    const x = tensor([1, 2], { requiresGrad: true });
    x.indexSelect(0, tensor([5n]))
      .sum()
      .backward();
    await expect(sync()).rejects.toThrow(code('ERR_OPTION'));
  });
});

describe('a shape error', () => {
  it('is thrown by the call itself, with the line of the caller in its stack', () => {
    const wrongLine = () => ops.ones([2, 3]).matmul(ops.ones([2, 3]));
    try {
      wrongLine();
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({ code: 'ERR_SHAPE' });
      expect((error as Error).stack).toContain('wrongLine');
    }
  });
});

describe('shapes that depend on data', () => {
  it('are known after ready(), and until then are an error', async () => {
    const busy = ops.randn([1500, 1500]);
    busy.matmul(busy).matmul(busy);
    const chosen = tensor([1, -2, 3]).maskedSelect(tensor([true, false, true]));
    expect(() => chosen.shape).toThrow(code('ERR_STATE'));
    expect(() => chosen.dtype).toThrow(code('ERR_STATE'));
    const doubled = chosen.mul(2); // the unknown is passed on
    expect(() => doubled.shape).toThrow(code('ERR_STATE'));
    expect(() => doubled.unbind(0)).toThrow(code('ERR_STATE')); // how many?
    await doubled.ready();
    expect([doubled.shape, chosen.shape]).toEqual([[2], [2]]);
    expect((await Promise.all(doubled.unbind(0).map((t) => t.item()))).sort()).toEqual([2, 6]);
  });

  it('pass a gradient', async () => {
    const x = tensor([1, -2, 3], { requiresGrad: true });
    x.maskedSelect(tensor([true, false, true]))
      .square()
      .sum()
      .backward();
    expect(await x.grad?.data()).toEqual(Float32Array.of(2, 0, 6));
  });

  it('fail late when they do not fit', async () => {
    const busy = ops.randn([1500, 1500]);
    busy.matmul(busy).matmul(busy);
    const rows = tensor([
      [1, 0],
      [1, 1],
    ]).nonzero();
    const wrong = rows.to('float32').matmul(ops.ones([3, 1]));
    const error = await caught(wrong.data());
    expect(error.code).toBe('ERR_SHAPE');
    expect((error.cause as Error).stack).toContain('call.test.ts');
  });
});

describe('call()', () => {
  it('reaches any operator of libtorch by name', async () => {
    expect(await call('aten::hypot', [tensor([3]), tensor([4])]).item()).toBe(5);
    const [sign, logarithm] = callMany('aten::linalg_slogdet', [
      tensor([
        [2, 0],
        [0, 3],
      ]),
    ]) as [Tensor, Tensor];
    expect(await sign.item()).toBe(1);
    expect(await logarithm.item()).toBeCloseTo(Math.log(6), 6);
  });

  it('refuses a name that nobody knows, and too many arguments', () => {
    expect(() => call('aten::no_such_operator', [])).toThrow(code('ERR_OPTION'));
    expect(() => call('no_such_operation', [])).toThrow(code('ERR_OPTION'));
    expect(() => call('aten::abs', [tensor([1]), 2])).toThrow(code('ERR_OPTION'));
    expect(() => call('aten::abs', [])).toThrow(code('ERR_OPTION'));
  });

  it('refuses a result that is no tensor', async () => {
    await expect((async () => call('aten::item', [tensor([1])]).data())()).rejects.toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^ERR_/) }),
    );
  });
});

describe('reductionCode', () => {
  it('is what libtorch calls the reduction', () => {
    expect((['none', 'mean', 'sum', undefined] as const).map(reductionCode)).toEqual([0, 1, 2, undefined]);
    expect(() => reductionCode('avg' as never)).toThrow(code('ERR_OPTION'));
  });
});

describe('callAny', () => {
  it('gives what an operation yields as an array', () => {
    const x = tensor([1, 2]);
    expect(callAny('aten::relu', [x]).map(String)).toEqual([String(x)]);
    expect(callAny('aten::chunk', [x, 2])).toHaveLength(2);
    expect(callAny('drop_gradients', [[x]])).toEqual([]);
  });
});

describe('numbers of memory formats and layouts', () => {
  it('are refused where they are none: libtorch would take them', () => {
    const x = ops.ones([2, 2]).to('bool');
    for (const none of [-1, 4, 99])
      expect(() => call('aten::clone', [x, none])).toThrow(
        expect.objectContaining({
          code: 'ERR_OPTION',
          message: expect.stringMatching(/memory_format must be .* 0 to 3/),
        }),
      );
    expect(() => call('aten::zeros', [[2], undefined, 2])).toThrow(/layout must be an integer from 0 to 0/);
    expect(call('aten::clone', [x, 0]).shape).toEqual([2, 2]);
  });
});

describe('a shape that no machine has room for', () => {
  it.each([2 ** 24, 2 ** 30])('is an error when it is made: two sides of %s', async (side) => {
    const huge = ops.zeros([side, side]); // V8 ends the process over numbers like these, if it hears of them
    expect(huge.size).toBe(side * side);
    expect((await caught(huge.data())).code).toBe('ERR_NATIVE');
  });
});

describe('lists of a convolution', () => {
  const [x, weight] = [ops.ones([1, 2, 4, 4]), ops.ones([3, 2, 2, 2])];
  it.each([
    ['stride', [[], 0, 1], /stride must be 1 or 2 numbers of at least 1, got \[\]/],
    ['stride', [[1, 0], 0, 1], /stride must be .* got \[1, 0\]/],
    ['padding', [1, [0, 0, 0], 1], /padding must be 1 or 2 numbers of at least 0, got \[0, 0, 0\]/],
    ['padding', [1, -1, 1], /padding must be/],
    ['dilation', [1, 0, [0]], /dilation must be/],
  ] as const)('are as long as its dimensions: %s', (_, [stride, padding, dilation], message) => {
    expect(() => ops.conv2d(x, weight, { stride, padding, dilation })).toThrow(message);
  });
});
