import { describe, expect, it } from 'vitest';
import { resnet18 } from '../../lib/encoders/resnet.ts';
import * as internal from '../../lib/tensor/internal-ops.ts';
import { enableGrad, noGrad } from '../../lib/tensor/modes.ts';
import type { NestedArray } from '../../lib/tensor/nested.ts';
import * as ops from '../../lib/tensor/ops.ts';
import { sync } from '../../lib/tensor/runtime.ts';
import { type Tensor, tensor } from '../../lib/tensor/tensor.ts';
import { expectClose, fixture, leaf } from './operations-fixture.ts';

const { grad } = ops;
const code = (name: string) => expect.objectContaining({ code: name });
const parameter = (data: NestedArray) => tensor(data as number[], { dtype: 'float64', requiresGrad: true });
const toArrays = (tensors: readonly Tensor[]) => Promise.all(tensors.map((each) => each.toArray()));

describe('grad', () => {
  it('gives the gradient of each input, and changes no .grad', async () => {
    const x = parameter([1, 2]);
    const w = parameter([3, 4]);
    expect(await toArrays(grad([x.square().mul(w).sum()], [x, w]))).toEqual([
      [6, 16],
      [1, 4],
    ]);
    x.sum().backward(); // from here on x could have a gradient
    expect(await x.grad?.toArray()).toEqual([1, 1]);
    await expect(w.grad?.data()).rejects.toThrow(code('ERR_AUTOGRAD'));
  });

  it('takes results of operations as inputs', async () => {
    const x = parameter([1, 2]);
    const y = x.mul(3);
    expect(await toArrays(grad([y.square().sum()], [y]))).toEqual([[6, 12]]);
  });

  it('adds up over outputs, each with its gradient', async () => {
    const x = parameter([1, 2]);
    const gradOutputs = [tensor([1, 10], { dtype: 'float64' }), tensor(100, { dtype: 'float64' })];
    expect(await toArrays(grad([x.square(), x.sum()], [x], { gradOutputs }))).toEqual([[102, 140]]);
  });

  it('knows shape, dtype and requiresGrad at once', () => {
    const x = tensor([[1, 2]], { dtype: 'bfloat16', requiresGrad: true });
    const y = x.square().sum();
    const [plain] = grad([y], [x], { retainGraph: true }) as [Tensor];
    const [again] = grad([y], [x], { createGraph: true }) as [Tensor];
    expect([plain.shape, plain.dtype, plain.requiresGrad]).toEqual([[1, 2], 'bfloat16', false]);
    expect([again.shape, again.dtype, again.requiresGrad]).toEqual([[1, 2], 'bfloat16', true]);
    expect(again.grad).toBeNull(); // no leaf
  });

  it('frees the graph unless it is to be retained', async () => {
    const x = parameter([3]);
    const y = x.square().sum();
    grad([y], [x], { retainGraph: true });
    expect(await toArrays(grad([y], [x]))).toEqual([[6]]);
    await expect(toArrays(grad([y], [x]))).rejects.toThrow(code('ERR_AUTOGRAD'));
    await sync();
  });

  it('has zeros for an input without a part in the outputs, when asked', async () => {
    const x = parameter([1, 2]);
    const aside = parameter([[1]]);
    expect(await toArrays(grad([x.sum()], [x, aside], { allowUnused: true }))).toEqual([[1, 1], [[0]]]);
    await expect(toArrays(grad([x.sum()], [x, aside]))).rejects.toThrow(code('ERR_AUTOGRAD'));
  });

  it('works inside noGrad, of what was recorded outside', async () => {
    const x = parameter([3]);
    const y = x.square().sum();
    expect(await noGrad(() => toArrays(grad([y], [x])))).toEqual([[6]]);
    const inside = noGrad(() => enableGrad(() => x.pow(3).sum()));
    expect(await toArrays(grad([inside], [x]))).toEqual([[27]]);
  });

  it.each<[string, () => unknown, string]>([
    ['an output that requires no gradient', () => grad([tensor(1)], [parameter([1])]), 'ERR_AUTOGRAD'],
    ['an input that requires none', () => grad([parameter([1]).sum()], [tensor([1])]), 'ERR_AUTOGRAD'],
    ['several elements without gradOutputs', () => grad([parameter([1, 2])], [parameter([1])]), 'ERR_SHAPE'],
    ['no outputs', () => grad([], [parameter([1])]), 'ERR_OPTION'],
    ['no inputs', () => grad([parameter([1]).sum()], []), 'ERR_OPTION'],
    ['fewer gradients than outputs', () => grad([parameter([1])], [parameter([1])], { gradOutputs: [] }), 'ERR_OPTION'],
    [
      'a gradient of another shape',
      () => grad([parameter([1, 2])], [parameter([1])], { gradOutputs: [tensor([1])] }),
      'ERR_SHAPE',
    ],
    ['an output that is no array', () => grad(parameter([1]) as never, [parameter([1])]), 'ERR_OPTION'],
    ['an unknown option', () => grad([parameter([1])], [parameter([1])], { create: true } as never), 'ERR_OPTION'],
  ])('refuses %s at once', (_, call, expected) => {
    expect(call).toThrow(code(expected));
  });
});

describe('second derivatives', () => {
  it('of a cube, and a third', async () => {
    const x = parameter([1, 2]);
    const [first] = grad([x.pow(3).sum()], [x], { createGraph: true }) as [Tensor];
    const [second] = grad([first.sum()], [x], { createGraph: true }) as [Tensor];
    const [third] = grad([second.sum()], [x]) as [Tensor];
    expect(await toArrays([first, second, third])).toEqual([
      [3, 12],
      [6, 12],
      [6, 6],
    ]);
  });

  it("are PyTorch's for a gradient penalty, and reach backward()", async () => {
    const x = leaf([2, 2, 4, 4], 1);
    const kernel = leaf([3, 2, 3, 3], 2);
    const weight = leaf([1, 12], 3);
    const hidden = ops.layerNorm(ops.conv2d(x, kernel).gelu().flatten(1), [12]);
    const score = ops.linear(hidden, weight).sigmoid().sum();
    const [slope] = grad([score], [x], { createGraph: true }) as [Tensor];
    const penalty = slope.flatten(1).norm(2, 1).sub(1).square().sum();
    await expectClose(penalty, fixture.second.value, 1e-12);
    const inputs = [kernel, weight, x];
    const gradients = grad([penalty], inputs, { retainGraph: true });
    for (const [i, gradient] of gradients.entries())
      await expectClose(gradient, fixture.second.gradients[i] as NestedArray, 1e-11);
    penalty.backward();
    for (const [i, input] of inputs.entries())
      await expectClose(input.grad as Tensor, fixture.second.gradients[i] as NestedArray, 1e-11);
  });

  const features = () => ops.randn([4, 2, 8], { seed: 1 });
  const labels = () => tensor([0, 1, 0, 1], { dtype: 'int64' });
  const fused: Record<string, (x: Tensor) => Tensor> = {
    ntXentLoss: (x) => internal.contrastiveLoss(x)[0],
    supConLoss: (x) => internal.contrastiveLoss(x, { labels: labels() })[0],
    'supConLoss of one denominator': (x) =>
      internal.contrastiveLoss(x, { labels: labels(), denominators: 'negatives-and-one-positive' })[0],
    dclLoss: (x) => internal.contrastiveLoss(x, { denominators: 'negatives' })[0],
    dclwLoss: (x) => internal.contrastiveLoss(x, { denominators: 'negatives', sigma: 0.5 })[0],
  };

  it.each(Object.entries(fused))('do not exist for %s, whose first ones do', async (_, loss) => {
    const x = features();
    x.requiresGrad = true;
    const [plain] = grad([loss(x)], [x]) as [Tensor];
    const [slope] = grad([loss(x)], [x], { createGraph: true }) as [Tensor];
    expect(await slope.toArray()).toEqual(await plain.toArray());
    await expect(toArrays(grad([slope.square().sum()], [x]))).rejects.toThrow(code('ERR_AUTOGRAD'));
    slope.square().sum().backward();
    await expect(sync()).rejects.toThrow(code('ERR_AUTOGRAD'));
  });

  it('do not exist for batch normalisation in training, and do in evaluation', async () => {
    const encoder = resnet18({ stem: 'cifar', width: 8 });
    const x = ops.randn([2, 3, 8, 8], { seed: 2 });
    x.requiresGrad = true;
    const slopeOf = () => grad([encoder.forward(x).square().sum()], [x], { createGraph: true })[0] as Tensor;
    encoder.train();
    await expect(slopeOf().data()).rejects.toThrow(code('ERR_AUTOGRAD'));
    encoder.eval();
    const [curvature] = grad([slopeOf().square().sum()], [x]) as [Tensor];
    expect(await curvature.abs().sum().item()).toBeGreaterThan(0);
  });

  it('do not exist for fused attention, and do with dropout', async () => {
    const q = leaf([1, 1, 3, 4], 1);
    const slopeOf = (dropoutP: number) => {
      const y = ops.scaledDotProductAttention(q, q, q, { dropoutP });
      return grad([y.square().sum()], [q], { createGraph: true })[0] as Tensor;
    };
    await expect(toArrays(grad([slopeOf(0).sum()], [q]))).rejects.toThrow(code('ERR_AUTOGRAD'));
    const [curvature] = grad([slopeOf(0.1).sum()], [q]) as [Tensor];
    expect(curvature.shape).toEqual([1, 1, 3, 4]);
    await curvature.ready();
  });

  it('exist for cross-entropy', async () => {
    const x = features();
    x.requiresGrad = true;
    const [slope] = grad([internal.softmaxCrossEntropy(x, labels())], [x], { createGraph: true }) as [Tensor];
    const [curvature] = grad([slope.square().sum()], [x]) as [Tensor];
    expect(await curvature.abs().sum().item()).toBeGreaterThan(0);
  });
});
