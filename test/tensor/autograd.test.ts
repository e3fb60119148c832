import { describe, expect, it } from 'vitest';
import * as internal from '../../lib/tensor/internal-ops.ts';
import { noGrad } from '../../lib/tensor/modes.ts';
import * as ops from '../../lib/tensor/ops.ts';
import { sync } from '../../lib/tensor/runtime.ts';
import { type Tensor, tensor } from '../../lib/tensor/tensor.ts';

const code = (name: string) => expect.objectContaining({ code: name });

const X = [
  [0.1, -0.2, 0.7],
  [-1.5, 2.5, 0.49],
];
const W = [
  [0.5, -1],
  [2, 0.25],
  [-0.75, 1.5],
];
const parameter = (data: number[][] | number[]) => tensor(data, { dtype: 'float64', requiresGrad: true });

async function expectClose(t: Tensor | null, want: readonly number[][], tolerance = 1e-12): Promise<void> {
  const got = Array.from(await (t as Tensor).data(), Number);
  for (const [i, value] of want.flat().entries()) expect(Math.abs((got[i] as number) - value)).toBeLessThan(tolerance);
}

describe("PyTorch's numbers", () => {
  it('of a linear layer, cross entropy and weight decay', async () => {
    const x = parameter(X);
    const w = parameter(W);
    const target = tensor([1, 0], { dtype: 'int64' });
    const loss = ops.crossEntropyLoss(x.tanh().matmul(w), target).add(w.pow(2).sum().mul(0.1));
    loss.backward();
    expect(await loss.item()).toBeCloseTo(1.4442954584715626, 12);
    await expectClose(x.grad, [
      [0.1293966284275951, 0.14653733466062657, -0.12443585389056577],
      [-0.08914029397499844, -0.015303876333064098, 0.5872739219148337],
    ]);
    await expectClose(w.grad, [
      [0.40634950531466385, -0.5063495053146638],
      [0.058346483077830524, 0.3916535169221695],
      [-0.24671427546792274, 0.39671427546792276],
    ]);
  });

  it('of layer norm, GELU, std and logsumexp', async () => {
    const x = parameter(X);
    const loss = ops.layerNorm(x, [3]).gelu().std(1).sum().mul(x.logsumexp(1).prod(0));
    loss.backward();
    expect(await loss.item()).toBeCloseTo(5.248859018635432, 12);
    await expectClose(x.grad, [
      [-0.8945426114177624, 2.1089600315197323, 2.615230658572038],
      [0.37233093636537773, 2.0616283700763063, -0.44708249321387017],
    ]);
  });
});

describe('finite differences', () => {
  const image = (x: Tensor) => x.reshape([1, 1, 2, 3]);
  const functions: Record<string, (x: Tensor) => Tensor> = {
    exp: (x) => x.exp(),
    sigmoid: (x) => x.sigmoid(),
    'log of a square': (x) => x.square().add(1).log(),
    'division by oneself': (x) => x.div(x.square().add(2)),
    'pow by a tensor': (x) => x.abs().pow(x),
    softmax: (x) => x.softmax(1).square(),
    'log-softmax and gather': (x) => x.logSoftmax(1).gather(1, tensor([[2], [0]], { dtype: 'int64' })),
    amax: (x) => x.amax(1),
    'normalised similarity': (x) => {
      const z = x.div(x.norm(2, 1, true));
      return z.matmul(z.t()).exp();
    },
    'index and scatter': (x) =>
      ops.zeros([2, 3], { dtype: 'float64' }).scatterAdd(
        1,
        tensor(
          [
            [0, 0, 2],
            [1, 1, 1],
          ],
          { dtype: 'int64' },
        ),
        x.square(),
      ),
    'where and clamp': (x) => ops.where(x.gt(0), x.square(), x.mul(3)).clamp(-2, 2),
    'cat, slice, flip, roll': (x) => ops.cat([x.slice(1, 0, 2), x.flip(1).roll(1, 1)], 1).square(),
    'cumsum and prod': (x) => x.cumsum(1).prod(1),
    variance: (x) => x.variance(0),
    cdist: (x) => ops.cdist(x, x.add(1)),
    convolution: (x) =>
      ops
        .conv2d(
          image(x),
          tensor(
            [
              [
                [
                  [1, -2],
                  [0.5, 3],
                ],
              ],
            ],
            { dtype: 'float64' },
          ),
        )
        .square(),
    'batch norm': (x) => ops.batchNorm(x, { training: true, momentum: 0.1, eps: 1e-5 }).pow(3),
    pooling: (x) => ops.avgPool2d(image(x), [2, 2], [1, 1]).mul(ops.maxPool2d(image(x), [2, 2], [1, 1])),
    upsampling: (x) => ops.upsampleBilinear2d(image(x), { outputSize: [4, 5], alignCorners: false }).square(),
    einsum: (x) => ops.einsum('ij,kj->ik', [x, x]),
    'supervised contrastive': (x) =>
      internal.contrastiveLoss(
        x
          .reshape([3, 2, 1])
          .expand([3, 2, 2])
          .add(ops.eye(2, { dtype: 'float64' })),
        { labels: tensor([0, 1, 0]).to('int64'), temperature: 0.5 },
      )[0],
  };

  it.each(Object.entries(functions))('%s', async (_, f) => {
    const weights = (y: Tensor) => y.mul(ops.arange(y.size, { dtype: 'float64' }).add(1).cos().reshape(y.shape)).sum();
    const x = parameter(X);
    weights(f(x)).backward();
    const gradient = (await (x.grad as Tensor).data()) as Float64Array;
    const h = 1e-6;
    const value = (i: number, step: number): Tensor => {
      const moved = Float64Array.from(X.flat());
      moved[i] = (moved[i] as number) + step;
      return noGrad(() => weights(f(tensor(moved, { shape: [2, 3] }))));
    };
    for (let i = 0; i < 6; i++) {
      const slope = ((await value(i, h).item()) - (await value(i, -h).item())) / (2 * h);
      expect(Math.abs(slope - (gradient[i] as number))).toBeLessThan(1e-6 * Math.max(1, Math.abs(slope)));
    }
  });
});

describe('grad', () => {
  it('is null before any backward(), accumulates, and goes with zeroGrad()', async () => {
    const x = parameter([1, 2]);
    expect(x.grad).toBeNull();
    x.square().sum().backward();
    x.square().sum().backward();
    expect(await x.grad?.data()).toEqual(Float64Array.of(4, 8));
    x.zeroGrad();
    expect(x.grad).toBeNull();
    x.sum().backward();
    expect(await x.grad?.data()).toEqual(Float64Array.of(1, 1));
  });

  it('is null for a constant and for the result of an operation', async () => {
    const x = parameter([1]);
    const constant = tensor([1]);
    const y = x.mul(2);
    y.sum().backward();
    expect(constant.grad).toBeNull();
    expect(y.grad).toBeNull();
    expect(await x.grad?.item()).toBe(2);
  });

  it('that no backward() has reached is an error when it is read', async () => {
    const x = parameter([1]);
    const aside = parameter([1]);
    x.sum().backward();
    await expect(aside.grad?.data()).rejects.toThrow(code('ERR_AUTOGRAD'));
  });

  it('has the shape and dtype of its tensor at once', () => {
    const x = tensor([[1, 2]], { dtype: 'bfloat16', requiresGrad: true });
    x.sum().backward();
    expect([x.grad?.shape, x.grad?.dtype, x.grad?.requiresGrad]).toEqual([[1, 2], 'bfloat16', false]);
  });
});

describe('backward()', () => {
  it('takes a gradient for a tensor of several elements', async () => {
    const x = parameter([1, 2]);
    x.square().backward(tensor([1, 10], { dtype: 'float64' }));
    expect(await x.grad?.data()).toEqual(Float64Array.of(2, 40));
  });

  it('keeps the graph when asked', async () => {
    const x = parameter([3]);
    const y = x.square().sum();
    y.backward(undefined, { retainGraph: true });
    y.backward();
    expect(await x.grad?.item()).toBe(12);
  });

  it.each<[string, () => void, string]>([
    ['a tensor that needs no gradient', () => tensor([1]).backward(), 'ERR_AUTOGRAD'],
    ['several elements without a gradient', () => parameter([1, 2]).mul(2).backward(), 'ERR_SHAPE'],
    [
      'an unknown option',
      () =>
        parameter([1])
          .sum()
          .backward(undefined, { retain: true } as never),
      'ERR_OPTION',
    ],
    ['a gradient that is no tensor', () => parameter([1]).backward({ handle: {} } as never), 'ERR_OPTION'],
  ])('refuses %s at once', (_, call, expected) => {
    expect(call).toThrow(code(expected));
  });

  it('that fails in the queue surfaces at the next sync(), and only there', async () => {
    const x = parameter([3]);
    const y = x.square().sum();
    y.backward();
    y.backward(); // the graph is gone
    await expect(sync()).rejects.toThrow(code('ERR_AUTOGRAD'));
    await sync();
    expect(await x.grad?.item()).toBe(6);
  });

  it('that fails in the queue surfaces at the next read', async () => {
    const y = parameter([3]).square().sum();
    y.backward();
    y.backward();
    const failure = await y.item().catch((error: Error) => error);
    expect(failure).toMatchObject({ code: 'ERR_AUTOGRAD' });
    expect(((failure as Error).cause as Error).stack).toContain('autograd.test.ts');
    expect(await y.item()).toBe(9);
    y.backward();
    expect(() => y.itemSync()).toThrow(code('ERR_AUTOGRAD'));
  });
});

describe('requiresGrad', () => {
  it('is known at once and follows the operation', () => {
    const x = parameter([1]);
    const constant = tensor([1], { dtype: 'float64' });
    expect([x.requiresGrad, x.mul(2).requiresGrad, constant.mul(2).requiresGrad]).toEqual([true, true, false]);
    expect([x.detach().requiresGrad, x.gt(0).requiresGrad, x.relu().requiresGrad]).toEqual([false, false, true]);
    expect(ops.where(tensor([true]), x, 0).requiresGrad).toBe(true);
  });

  it('can be set on a leaf', async () => {
    const x = tensor([2]);
    x.requiresGrad = true;
    x.square().sum().backward();
    expect(await x.grad?.item()).toBe(4);
    x.requiresGrad = false;
    expect(x.mul(2).requiresGrad).toBe(false);
    expect(() => {
      tensor([1], { dtype: 'int64' }).requiresGrad = true;
    }).toThrow(code('ERR_DTYPE'));
    const y = parameter([1]).mul(2);
    expect(() => {
      y.requiresGrad = false;
    }).toThrow(code('ERR_AUTOGRAD'));
  });

  it('lets a detached tensor share memory, without a gradient', async () => {
    const x = parameter([1]);
    x.detach().add_(1);
    expect(await x.item()).toBe(2);
  });
});

describe('in-place operations', () => {
  it('change the tensor and keep the graph', async () => {
    const x = parameter([1, 2]);
    const y = x.mul(3);
    y.mul_(2);
    y.sum().backward();
    expect(await x.grad?.data()).toEqual(Float64Array.of(6, 6));
    expect(await y.data()).toEqual(Float64Array.of(6, 12));
  });

  it('write through views', async () => {
    const x = tensor([
      [1, 2],
      [3, 4],
    ]);
    x.select(0, 1).zero_();
    expect(await x.data()).toEqual(Float32Array.of(1, 2, 0, 0));
  });

  it('on a leaf that requires a gradient are refused at once, but not inside noGrad', async () => {
    const x = parameter([1]);
    expect(() => x.add_(1)).toThrow(code('ERR_AUTOGRAD'));
    noGrad(() => x.add_(1));
    expect(await x.item()).toBe(2);
    expect(x.requiresGrad).toBe(true);
  });

  it('on a value that backward() needs fail in the queue, with their stack', async () => {
    const x = parameter([1]);
    const y = x.exp();
    const z = y.mul(2);
    y.add_(1);
    z.sum().backward();
    await expect(sync()).rejects.toThrow(code('ERR_AUTOGRAD'));
  });
});
