/** Each layer against PyTorch's: names and shapes of its state, values, gradients, running statistics. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import * as nn from '../../lib/nn/index.ts';
import * as ops from '../../lib/tensor/ops.ts';
import { type Tensor, tensor } from '../../lib/tensor/tensor.ts';
import { filledState, uniform } from '../encoders/formula.ts';

interface Case {
  readonly name: string;
  readonly input: number[];
  readonly state: [name: string, shape: number[]][];
  readonly eval: number[];
  readonly train: { readonly shape: number[]; readonly values: number[] };
  /** Of the input, named '', and of the parameters. */
  readonly gradients: Record<string, number[]>;
  /** After the pass in training. */
  readonly buffers: Record<string, number[]>;
}

/** The first third of the sequence asks the rest. */
class CrossAttention extends nn.MultiheadAttention {
  override forward(x: Tensor): Tensor {
    const keys = x.narrow(0, 2, 4);
    const attnMask = tensor([
      [true, false, false, false],
      [false, false, true, true],
    ]);
    return super.forward(x.narrow(0, 0, 2), keys, keys.mul(2), { attnMask });
  }
}

/** Of values that reach both ends of hardswish. */
class NormAct extends nn.BatchNorm2d {
  readonly activation: 'hardswish' | 'silu';

  constructor(channels: number, activation: 'hardswish' | 'silu') {
    super(channels);
    this.activation = activation;
  }

  override forward(x: Tensor): Tensor {
    return super.forward(x.pow(5), { activation: this.activation });
  }
}

/** The cases of test/fixtures/make_nn.py. */
const layers: Readonly<Record<string, () => nn.Module>> = {
  Conv2d: () => new nn.Conv2d(4, 6, 3),
  'Conv2d, strided, padded, grouped, dilated': () =>
    new nn.Conv2d(4, 6, [3, 2], { stride: [2, 1], padding: [1, 2], dilation: [1, 2], groups: 2, bias: false }),
  Linear: () => new nn.Linear(5, 3),
  'Linear without bias': () => new nn.Linear(5, 3, { bias: false }),
  BatchNorm1d: () => new nn.BatchNorm1d(5),
  'BatchNorm1d of sequences': () => new nn.BatchNorm1d(5, { eps: 1e-3, momentum: 0.3 }),
  BatchNorm2d: () => new nn.BatchNorm2d(5),
  'BatchNorm2d, fused width': () => new nn.BatchNorm2d(8),
  'BatchNorm2d, averaging': () => new nn.BatchNorm2d(5, { momentum: null }),
  'BatchNorm2d, averaging, fused width': () => new nn.BatchNorm2d(8, { momentum: null }),
  'BatchNorm2d, not affine': () => new nn.BatchNorm2d(8, { affine: false }),
  'BatchNorm2d, not tracking': () => new nn.BatchNorm2d(8, { trackRunningStats: false }),
  'BatchNorm2d and hardswish': () => new NormAct(24, 'hardswish'),
  'BatchNorm2d and SiLU': () => new NormAct(8, 'silu'),
  LayerNorm: () => new nn.LayerNorm([4, 3]),
  'LayerNorm without bias': () => new nn.LayerNorm(6, { eps: 1e-3, bias: false }),
  LayerNorm2d: () => new nn.LayerNorm2d(5),
  GroupNorm: () => new nn.GroupNorm(2, 6),
  ReLU: () => new nn.ReLU(),
  GELU: () => new nn.GELU(),
  'GELU by tanh': () => new nn.GELU({ approximate: 'tanh' }),
  SiLU: () => new nn.SiLU(),
  Sigmoid: () => new nn.Sigmoid(),
  Tanh: () => new nn.Tanh(),
  Hardswish: () => new nn.Hardswish(),
  Hardsigmoid: () => new nn.Hardsigmoid(),
  LeakyReLU: () => new nn.LeakyReLU(0.2),
  Softmax: () => new nn.Softmax(1),
  Identity: () => new nn.Identity(),
  MaxPool2d: () => new nn.MaxPool2d(2),
  'MaxPool2d, padded': () => new nn.MaxPool2d(3, { stride: 2, padding: 1, ceilMode: true }),
  AvgPool2d: () => new nn.AvgPool2d([2, 3], { stride: [2, 1], padding: [1, 0], countIncludePad: false }),
  AdaptiveAvgPool2d: () => new nn.AdaptiveAvgPool2d([2, 3]),
  Flatten: () => new nn.Flatten(),
  SqueezeExcitation: () => new nn.SqueezeExcitation(6, 3),
  'SqueezeExcitation, SiLU and hardsigmoid': () =>
    new nn.SqueezeExcitation(6, 2, { activation: new nn.SiLU(), scaleActivation: new nn.Hardsigmoid() }),
  Sequential: () => new nn.Sequential([new nn.Linear(5, 8), new nn.ReLU(), new nn.Linear(8, 3)]),
  MultiheadAttention: () => new nn.MultiheadAttention(8, 2, { batchFirst: true }),
  'MultiheadAttention, lengths first, without bias': () => new nn.MultiheadAttention(8, 4, { bias: false }),
  'MultiheadAttention of others, masked': () => new CrossAttention(8, 2),
};

const fixture = new URL('../fixtures/nn/layers.json', import.meta.url);
const cases = JSON.parse(readFileSync(fixture, 'utf8')) as Case[];

/** Largest error, relative where a value is above 1. */
function expectClose(actual: Tensor | null | undefined, expected: readonly number[], what: string): void {
  const values = Array.from((actual as Tensor).dataSync(), Number);
  expect(values.length, what).toBe(expected.length);
  const errors = expected.map((value, i) => Math.abs(value - (values[i] as number)) / Math.max(1, Math.abs(value)));
  expect(Math.max(...errors), what).toBeLessThan(5e-5);
}

describe.each(cases.map((each) => [each.name, each] as const))('%s', (name, expected) => {
  it.each(['contiguous', 'channels_last'] as const)("has PyTorch's values and gradients, %s", (memoryFormat) => {
    if (memoryFormat === 'channels_last' && expected.input.length !== 4) return;
    using layer = (layers[name] as () => nn.Module)();
    expect([...layer.stateDict()].map(([key, { shape }]) => [key, shape])).toEqual(expected.state);
    layer.loadStateDict(filledState(Object.fromEntries(expected.state)));

    const x = tensor(uniform(0, expected.input, 2), { shape: expected.input })
      .contiguous({ memoryFormat })
      .detach();
    expectClose(layer.eval().forward(x), expected.eval, 'evaluation');
    x.requiresGrad = true;
    const y = layer.train().forward(x);
    expect(y.shape).toEqual(expected.train.shape);
    expectClose(y, expected.train.values, 'training');
    const weights = tensor(uniform(999, y.shape), { shape: y.shape });
    ops.sum(y.mul(weights)).backward();
    const gradients = new Map<string, Tensor | null>([['', x.grad]]);
    for (const [key, value] of layer.namedParameters()) gradients.set(key, value.grad);
    for (const [key, values] of Object.entries(expected.gradients)) expectClose(gradients.get(key), values, key);
    for (const [key, values] of Object.entries(expected.buffers))
      expectClose(layer.namedBuffers().get(key), values, key);
  });
});

describe('the cases', () => {
  it('are those of the fixture', () => expect(Object.keys(layers)).toEqual(cases.map(({ name }) => name)));
});

describe('init', () => {
  it.each([
    ['Conv2d', (init: (weight: nn.Parameter) => void) => new nn.Conv2d(3, 8, 3, { init }), 1 / Math.sqrt(27)],
    ['Linear', (init: (weight: nn.Parameter) => void) => new nn.Linear(3, 8, { init }), 1 / Math.sqrt(3)],
  ] as const)("fills the weight of a %s; the bias keeps PyTorch's", (_, make, bound) => {
    using filled = make((weight) => nn.init.kaimingNormal(weight));
    expect(filled.bias?.shape).toEqual([8]);
    using layer = make((weight) => nn.init.constant(weight, 5));
    expect(new Set(Array.from(layer.weight.dataSync(), Number))).toEqual(new Set([5]));
    const bias = Array.from(layer.bias?.dataSync() ?? [], Number);
    expect(new Set(bias).size).toBe(8);
    expect(Math.max(...bias.map(Math.abs))).toBeLessThanOrEqual(bound);
  });
});
