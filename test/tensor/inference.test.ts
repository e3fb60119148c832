import { describe, expect, it } from 'vitest';
import { Conv2d } from '../../lib/nn/conv2d.ts';
import { Module } from '../../lib/nn/module.ts';
import { BatchNorm2d } from '../../lib/nn/normalization.ts';
import { AdamW } from '../../lib/optim/adam.ts';
import { LARS } from '../../lib/optim/lars.ts';
import { SGD } from '../../lib/optim/sgd.ts';
import { callAny } from '../../lib/tensor/call.ts';
import { compile } from '../../lib/tensor/compile.ts';
import { autocast, noGrad } from '../../lib/tensor/modes.ts';
import * as ops from '../../lib/tensor/ops.ts';
import type { Recording } from '../../lib/tensor/recording.ts';
import type { DType, Tensor } from '../../lib/tensor/tensor.ts';

/** The parameters of a batch normalisation, none of them neutral. */
function normOf(channels: number, seed: number) {
  const [weight, bias, mean] = [1, 2, 3].map((i) => ops.randn([channels], { seed: seed + i })) as [
    Tensor,
    Tensor,
    Tensor,
  ];
  return { weight, bias, mean, variance: ops.rand([channels], { seed: seed + 4 }).add(0.5) };
}

type Norm = ReturnType<typeof normOf>;

const normalized = (x: Tensor, { weight, bias, mean, variance }: Norm) =>
  ops.batchNorm(x, {
    weight,
    bias,
    runningMean: mean,
    runningVar: variance,
    training: false,
    momentum: 0.1,
    eps: 1e-3,
  });

/** Of the first recording. */
const operations = (compiled: { recordings(): readonly Recording[] }) =>
  compiled.recordings()[0]?.operations.map(({ name }) => name) ?? [];

async function expectClose(actual: Tensor, expected: Tensor, tolerance: number) {
  expect(actual.shape).toEqual(expected.shape);
  const numbers = async (x: Tensor) => Array.from((await x.to('float64').data()) as Float64Array);
  const [a, b] = [await numbers(actual), await numbers(expected)];
  const scale = Math.max(...b.map(Math.abs));
  for (const [i, value] of a.entries()) expect(Math.abs(value - (b[i] as number))).toBeLessThan(tolerance * scale);
}

/** Convolutions, normalisations, a shortcut with a convolution and one without. */
function blocks(inputs: number, channels: number, stride: number, { groups = 1, dtype = 'float32' as DType } = {}) {
  const weight = (shape: readonly number[], seed: number) => ops.randn(shape, { seed }).to(dtype);
  const weights = {
    one: weight([channels, inputs / groups, 3, 3], 10),
    two: weight([channels, channels, 3, 3], 11),
    short: weight([channels, inputs, 1, 1], 12),
    three: weight([channels, channels, 3, 3], 13),
    bias: weight([channels], 14),
  };
  const norms = [20, 30, 40].map((seed) => {
    const { weight, bias, mean, variance } = normOf(channels, seed);
    return { weight: weight.to(dtype), bias: bias.to(dtype), mean: mean.to(dtype), variance: variance.to(dtype) };
  }) as [Norm, Norm, Norm];
  const forward = (x: Tensor) => {
    const y = normalized(ops.conv2d(x, weights.one, { stride, padding: 1, dilation: 1, groups }), norms[0]).relu();
    const z = normalized(ops.conv2d(y, weights.two, { stride: 1, padding: 1 }), norms[1]);
    const shortcut = normalized(ops.conv2d(x, weights.short, { stride }), norms[2]);
    const first = z.add(shortcut).relu();
    return ops
      .conv2d(first, weights.three, { bias: weights.bias, stride: 1, padding: 1 })
      .add(first)
      .relu()
      .mean([2, 3]);
  };
  return { forward, weights, norms };
}

class Net extends Module {
  readonly conv: Conv2d;
  readonly norm: BatchNorm2d;

  constructor(channels: number) {
    super();
    this.conv = new Conv2d(3, channels, 3, { padding: 1, bias: false });
    this.norm = new BatchNorm2d(channels);
  }

  override forward(x: Tensor): Tensor {
    return this.norm.forward(this.conv.forward(x), { activation: 'relu' });
  }
}

describe('compile for inference', () => {
  it.each([
    ['float32', 8, 16, 1, 1],
    ['float32', 16, 32, 2, 1],
    ['float32', 3, 5, 2, 1],
    ['float32', 8, 24, 2, 4],
    ['float64', 8, 16, 2, 1],
  ] as const)(
    'gives what the function gives: %s, %i to %i channels, stride %i, groups %i',
    async (dtype, inputs, channels, stride, groups) => {
      const { forward } = blocks(inputs, channels, stride, { groups, dtype });
      using compiled = compile(forward, { inference: true });
      for (const batch of [1, 5, 1]) {
        const x = ops.randn([batch, inputs, 9, 11], { seed: batch }).to(dtype);
        await expectClose(
          compiled(x),
          noGrad(() => forward(x)),
          dtype === 'float64' ? 1e-12 : 1e-5,
        );
      }
      const fused = Array.from({ length: 4 }, () => 'inference_convolution');
      expect(operations(compiled)).toEqual([...fused, 'aten::mean.dim']);
    },
  );

  it('computes in the lower precision of autocast', async () => {
    const { forward } = blocks(16, 32, 2);
    using compiled = compile((x: Tensor) => autocast('bfloat16', () => forward(x)), { inference: true });
    const x = ops.randn([3, 16, 8, 8]);
    expect(compiled(x).dtype).toBe('bfloat16');
    await expectClose(
      compiled(x),
      noGrad(() => forward(x)),
      0.05,
    );
  });

  it('sees changes of weights and statistics, those that are still to come too', async () => {
    const { forward, weights, norms } = blocks(8, 16, 1);
    using compiled = compile(forward, { inference: true });
    const x = ops.randn([2, 8, 6, 6]);
    compiled(x);
    const changes = [weights.one, weights.bias, norms[0].weight, norms[1].bias, norms[1].mean, norms[2].variance];
    for (const tensor of changes) {
      const before = compiled(x);
      noGrad(() => tensor.mul_(1.5));
      const after = compiled(x);
      await expectClose(
        after,
        noGrad(() => forward(x)),
        1e-5,
      );
      expect(await after.data()).not.toEqual(await before.data());
    }
  });

  it.each([
    ['sgd', (parameters: readonly Tensor[]) => new SGD(parameters, { lr: 0.1 })],
    ['adamw', (parameters: readonly Tensor[]) => new AdamW(parameters, { lr: 0.1 })],
    ['lars', (parameters: readonly Tensor[]) => new LARS(parameters, { lr: 10 })],
  ] as const)('sees the steps of an optimizer: %s', async (_, make) => {
    const weight = ops.randn([8, 8, 3, 3]).clone();
    weight.requiresGrad = true;
    const optimizer = make([weight]);
    const forward = (x: Tensor) => ops.conv2d(x, weight, { stride: 1, padding: 1 });
    using compiled = compile(forward, { inference: true });
    const x = ops.randn([2, 8, 6, 6]);
    for (let i = 0; i < 3; i++) {
      const before = compiled(x);
      forward(x).square().mean().backward();
      optimizer.step();
      optimizer.zeroGrad();
      await expectClose(
        compiled(x),
        noGrad(() => forward(x)),
        1e-5,
      );
      expect(await compiled(x).data()).not.toEqual(await before.data());
    }
  });

  it.each([64, 6])('sees the running statistics that a pass in training moves: %i channels', async (channels) => {
    using net = new Net(channels);
    const x = ops.randn([4, 3, 6, 6]);
    using compiled = compile(net.eval(), { inference: true });
    for (let i = 0; i < 2; i++) {
      net.eval();
      await expectClose(
        compiled(x),
        noGrad(() => net.forward(x)),
        1e-5,
      );
      net.train();
      noGrad(() => net.forward(x.add(i + 1))).dispose();
    }
    net.eval();
    await expectClose(
      compiled(x),
      noGrad(() => net.forward(x)),
      1e-5,
    );
  });

  it('is right where a weight or a bias is made at each call', async () => {
    const weight = ops.randn([8, 8, 3, 3]);
    const forward = (x: Tensor, bias: Tensor) => ops.conv2d(x, weight, { bias: bias.mul(2), stride: 1, padding: 1 });
    using compiled = compile(forward, { inference: true });
    const x = ops.randn([1, 8, 4, 4]);
    for (let i = 0; i < 100; i++) {
      using bias = ops.full([8], i, { dtype: 'float32' });
      const [first] = (await compiled(x, bias).data()) as Float32Array;
      const [expected] = (await noGrad(() => forward(x, bias)).data()) as Float32Array;
      expect(first).toBeCloseTo(expected as number, 3);
    }
    expect(operations(compiled)).toContain('aten::conv2d');
  });

  it('does an activation or an addition behind a linear layer inside', async () => {
    const [first, second] = [ops.randn([24, 8], { seed: 1 }), ops.randn([8, 24], { seed: 2 })];
    const bias = ops.randn([24], { seed: 3 });
    const forward = (x: Tensor) => ops.linear(ops.gelu(ops.linear(x, first, { bias })), second).add(x);
    using compiled = compile(forward, { inference: true });
    using half = compile((x: Tensor) => autocast('bfloat16', () => forward(x)), { inference: true });
    for (const shape of [
      [3, 5, 8],
      [4, 8],
      [1, 5, 8],
    ]) {
      const x = ops.randn(shape, { seed: 4 });
      const expected = noGrad(() => forward(x));
      await expectClose(compiled(x), expected, 1e-5);
      await expectClose(half(x), expected, 0.05);
    }
    expect(new Set(operations(compiled))).toEqual(new Set(['inference_linear']));
    const byTanh = (x: Tensor) => ops.gelu(ops.linear(x, first, { bias }), { approximate: 'tanh' });
    using other = compile(byTanh, { inference: true });
    const x = ops.randn([4, 8], { seed: 5 });
    await expectClose(
      other(x),
      noGrad(() => byTanh(x)),
      1e-5,
    );
    noGrad(() => first.mul_(2)).dispose();
    await expectClose(
      compiled(x),
      noGrad(() => forward(x)),
      1e-5,
    );
  });

  it('adds what bias can be added to a linear layer, and refuses another shape of what is added behind', async () => {
    const x = ops.randn([6, 8], { seed: 1 });
    for (const [weight, bias] of [
      [[4, 8], [1]],
      [
        [4, 8],
        [6, 4],
      ],
      [[4, 8], []],
      [[8], null],
    ] as const) {
      const w = ops.randn(weight, { seed: 2 });
      const b = bias && ops.randn(bias, { seed: 3 });
      const forward = (x: Tensor) => ops.linear(x, w, { bias: b }).gelu();
      using compiled = compile(forward, { inference: true });
      await expectClose(
        compiled(x),
        noGrad(() => forward(x)),
        1e-5,
      );
    }
    const added = callAny('inference_linear', [x, ops.randn([4, 8]), undefined, ops.randn([4]), false])[0] as Tensor;
    await expect(added.data()).rejects.toMatchObject({ code: 'ERR_SHAPE' });
    const images = ops.randn([2, 16, 16, 16]).contiguous({ memoryFormat: 'channels_last' });
    const none = Array.from({ length: 5 }, () => undefined);
    const args = [images, ops.randn([16, 16, 3, 3]), ...none, ops.randn([1, 16, 16, 16]), 1e-5, 'none', [1, 1], [1, 1]];
    const summed = callAny('inference_convolution', [...args, [1, 1], 1])[0] as Tensor;
    await expect(summed.data()).rejects.toMatchObject({ code: 'ERR_SHAPE' });
  });

  it('tells a bias from a scale of the normalisation that is the same tensor', async () => {
    const [weight, both, mean] = [ops.randn([8, 8, 1, 1], { seed: 1 }), ops.randn([8], { seed: 2 }), ops.zeros([8])];
    const variance = ops.ones([8]);
    const evaluation = { runningMean: mean, runningVar: variance, training: false, momentum: 0.1, eps: 1e-5 };
    const forward = (x: Tensor) => [
      ops.batchNorm(ops.conv2d(x, weight, { bias: both }), evaluation),
      ops.batchNorm(ops.conv2d(x, weight), { ...evaluation, weight: both }),
    ];
    using compiled = compile(forward, { inference: true });
    const x = ops.randn([2, 8, 4, 4], { seed: 3 });
    for (const [i, each] of compiled(x).entries()) await expectClose(each, noGrad(() => forward(x))[i] as Tensor, 1e-4);
  });

  it('does hardswish and SiLU behind a convolution inside, with an addition too', async () => {
    const weight = ops.randn([8, 8, 3, 3], { seed: 1 });
    const conv = (x: Tensor) => ops.conv2d(x, weight, { padding: 1 });
    const forward = (x: Tensor) => conv(conv(x).hardswish()).add(x).silu();
    using compiled = compile(forward, { inference: true });
    const x = ops.randn([2, 8, 5, 5], { seed: 2 });
    await expectClose(
      compiled(x),
      noGrad(() => forward(x)),
      1e-4,
    );
    expect(operations(compiled)).toEqual(['inference_convolution', 'inference_convolution']);
  });

  it('gives the dtypes that the function gives', async () => {
    const weight = ops.randn([8, 8, 1, 1]);
    const forward = (x: Tensor) => autocast('bfloat16', () => ops.conv2d(x, weight)).add(x);
    using compiled = compile(forward, { inference: true });
    const x = ops.randn([1, 8, 4, 4]);
    expect(compiled(x).dtype).toBe('float32');
    await expectClose(
      compiled(x),
      noGrad(() => forward(x)),
      0.02,
    );
  });

  it('leaves what others still need: the input, a shortcut, a result in the middle', async () => {
    const weight = ops.randn([8, 8, 3, 3]);
    const forward = (x: Tensor) => {
      const y = ops.conv2d(x, weight, { stride: 1, padding: 1 });
      return [y, y.relu(), ops.conv2d(x, weight, { stride: 1, padding: 1 }).add(x).relu(), x.mul(1)] as const;
    };
    using compiled = compile(forward, { inference: true });
    for (const seed of [1, 2]) {
      const x = ops.randn([2, 8, 5, 5], { seed });
      const expected = noGrad(() => forward(x));
      const actual = compiled(x);
      for (const [i, each] of actual.entries()) await expectClose(each, expected[i] as Tensor, 1e-5);
    }
  });

  it('does not fuse what it must not: another shape, statistics of the batch, a scaled addition', async () => {
    const weight = ops.randn([8, 8, 1, 1]);
    const norm = normOf(8, 3);
    const bias = ops.randn([8, 1, 1]);
    const forward = (x: Tensor) => [
      ops.batchNorm(ops.conv2d(x, weight), {
        weight: norm.weight,
        bias: norm.bias,
        training: true,
        momentum: 0.1,
        eps: 1e-5,
      }),
      ops.conv2d(x, weight).add(bias),
      ops.conv2d(x, weight).add(x, { alpha: 2 }),
      ops.conv2d(x.select(0, 0), weight),
    ];
    using compiled = compile(forward, { inference: true });
    const x = ops.randn([2, 8, 5, 5]);
    for (const [i, each] of compiled(x).entries()) await expectClose(each, noGrad(() => forward(x))[i] as Tensor, 1e-5);
    expect(operations(compiled).filter((name) => name === 'aten::add.Tensor')).toHaveLength(2);
    expect(operations(compiled)).toContain('aten::batch_norm');
  });

  it('fuses what works in place on a result that nobody else takes', async () => {
    const [weight, norm] = [ops.randn([8, 8, 3, 3]), normOf(8, 3)];
    const conv = (x: Tensor) => ops.conv2d(x, weight, { padding: 1 });
    const forward = (x: Tensor) => {
      const y = normalized(conv(x), norm).relu_();
      const sum = y.mul(2).add_(conv(y)); // the convolution is what is added
      return conv(sum).add_(y).relu_().mul_(3).add_(1);
    };
    using compiled = compile(forward, { inference: true });
    const x = ops.randn([2, 8, 5, 5]);
    for (let i = 0; i < 2; i++)
      await expectClose(
        compiled(x),
        noGrad(() => forward(x)),
        1e-5,
      );
    expect(operations(compiled)).toEqual([
      'inference_convolution',
      'aten::mul.Tensor',
      'inference_convolution',
      'inference_convolution',
      'aten::mul_.Tensor',
      'aten::add_.Tensor',
    ]);
  });

  it.each<[string, (y: Tensor, x: Tensor) => Tensor]>([
    ['a result that is used again', (y) => y.relu_().add(y)],
    ['a part of one', (y) => y.add(y.select(0, 0).relu_())],
    ['a view that hides it', (y) => y.flatten(1).relu_().add(y.flatten(1))],
    ['an input', (y, x) => y.add(x.mul_(1))],
    ['itself, twice', (y) => y.add_(y)],
  ])('leaves operations as they are where one works in place on %s', async (_, after) => {
    const weight = ops.randn([8, 8, 1, 1]);
    const forward = (x: Tensor) => after(ops.conv2d(x, weight), x);
    using compiled = compile(forward, { inference: true });
    const x = ops.randn([2, 8, 5, 5]);
    const expected = noGrad(() => forward(x));
    await expectClose(compiled(x), expected, 1e-5);
    expect(operations(compiled)).toContain('aten::conv2d');
  });

  it('records no gradient', () => {
    const weight = ops.randn([4, 4, 2, 2]).clone();
    weight.requiresGrad = true;
    using compiled = compile((x: Tensor) => ops.conv2d(x, weight), { inference: true });
    expect(compiled(ops.randn([1, 4, 8, 8])).requiresGrad).toBe(false);
  });
});
